//! From what a form holds to a job: its pictures are looked at, and its options in the light of them.

use std::collections::HashMap;

use impasto_jobs::{BlobKey, JobId, NewJob, Terms};
use impasto_picture::{DecodeLimits, Inspected};
use impasto_recipe::{Alpha, Inputs, OptionError, Precision, Recipe};

use crate::{
    app::{App, BackboneInfo},
    caller::Caller,
    fields::Fields,
    initial::{self, INITIAL_JOB},
    pictures,
    problem::Problem,
    quota::Tally,
    role::{Place, Role},
};

/// What a form asks for, once its pictures are in the blob store.
#[derive(Debug, Default)]
pub(crate) struct Order {
    files: HashMap<Role, Vec<BlobKey>>,
    /// How many inputs of a role nobody had filled in.
    blanks: HashMap<Role, usize>,
    pub fields: Fields,
}

impl Order {
    /// One that has `fields` already, and no files yet.
    pub fn new(fields: Fields) -> Self {
        Self { fields, ..Self::default() }
    }

    /// The files of a role, in their order.
    pub fn files(&self, role: Role) -> &[BlobKey] {
        self.files.get(&role).map_or(&[], Vec::as_slice)
    }

    /// One more file of a role.
    pub fn add(&mut self, role: Role, key: BlobKey) {
        self.files.entry(role).or_default().push(key);
    }

    /// Whether the files of a role are results of this service: nobody has sent them, and no limit of uploads holds for them.
    fn is_our_own(&self, role: Role) -> bool {
        role == Role::Initial && self.fields.initial_job.is_some()
    }

    /// How many inputs of a role came without a file.
    pub fn blanks(&self, role: Role) -> usize {
        self.blanks.get(&role).copied().unwrap_or(0)
    }

    /// One more input of a role that came without a file.
    pub fn add_blank(&mut self, role: Role) {
        *self.blanks.entry(role).or_default() += 1;
    }
}

/// A picture of a form, looked at.
struct Seen {
    place: Place,
    inspected: Inspected,
}

/// The job that the form `order` asks for under the name `id`, on these terms. `tally` counts what is copied for it.
pub(crate) async fn resolve(
    app: &App,
    caller: &Caller,
    tally: &Tally,
    id: JobId,
    terms: Terms,
    mut order: Order,
) -> Result<NewJob, Problem> {
    if let Some(from) = order.fields.initial_job {
        if !order.files(Role::Initial).is_empty() {
            let why = "says what to start from already: leave out initial";
            return Err(OptionError::new(INITIAL_JOB, why).into());
        }
        order.add(Role::Initial, initial::copy_result(app, caller, tally, from, id).await?);
    }
    let seen = look_at(app, caller, &order).await?;
    let size_of = |role| seen.iter().find(|seen| seen.place.role == role).map(|seen| seen.inspected.size);
    // A form without content is refused while it is read.
    let content = size_of(Role::Content).ok_or_else(|| Problem::internal(&"a form without content came through"))?;
    let inputs = Inputs {
        content,
        styles: order.files(Role::Style).len(),
        masks: order.files(Role::Mask).len(),
        style_masks: order.files(Role::StyleMask).len(),
        initial: size_of(Role::Initial),
        // What `auto` means now is what it means for this job, whatever is downloaded until it is its turn.
        automatic: app.default_backbone(),
    };
    let recipe = order.fields.options.resolve(&inputs, &app.settings.recipe_limits())?;
    refuse_what_no_worker_has(&app.backbones, &app.precisions, &recipe)?;
    // A result of this service was not sent by anybody.
    let sent = seen.iter().filter(|seen| !order.is_our_own(seen.place.role));
    let files = |role| order.files(role).to_vec();
    Ok(NewJob {
        id,
        content: Role::Content.key(id, 0),
        styles: files(Role::Style),
        masks: files(Role::Mask),
        style_masks: files(Role::StyleMask),
        initial: files(Role::Initial).pop(),
        notices: sent.flat_map(|seen| notices_of(seen, &recipe)).collect(),
        recipe,
        terms,
    })
}

/// Every picture of the form, one after the other.
async fn look_at(app: &App, caller: &Caller, order: &Order) -> Result<Vec<Seen>, Problem> {
    let mut seen = Vec::new();
    for role in Role::ALL {
        for (number, key) in order.files(role).iter().enumerate() {
            let place = Place { role, number };
            let (limits, field) = if order.is_our_own(role) {
                (pictures::OF_OUR_OWN, INITIAL_JOB.to_owned())
            } else {
                (DecodeLimits { max_pixels: app.settings.max_pixels }, place.in_problems())
            };
            let inspected = pictures::check(app, caller.client(), key, limits, &field).await?;
            seen.push(Seen { place, inspected });
        }
    }
    Ok(seen)
}

/// What was done to a picture, in sentences.
fn notices_of(Seen { place, inspected }: &Seen, recipe: &Recipe) -> Vec<String> {
    let name = place.in_notices();
    let mut notices: Vec<_> = inspected.notices.iter().map(|notice| format!("{name}: {notice}")).collect();
    if inspected.transparent {
        let effect = match place.role {
            Role::Content if recipe.alpha == Alpha::White => Some("it is transparent, and was laid on white"),
            Role::Style => Some("it is transparent, and was laid on white"),
            Role::Mask | Role::StyleMask => Some("what is transparent in it counts as black"),
            Role::Initial => Some("its transparency was passed over: its colours alone count"),
            Role::Content => None,
        };
        notices.extend(effect.map(|effect| format!("{name}: {effect}")));
    }
    notices
}

/// A job that nobody could paint is refused here rather than after its turn has come.
fn refuse_what_no_worker_has(
    backbones: &[BackboneInfo],
    precisions: &[Precision],
    recipe: &Recipe,
) -> Result<(), OptionError> {
    let asked = recipe.backbone.name();
    let available: Vec<_> =
        backbones.iter().filter(|backbone| backbone.available).map(|backbone| backbone.name.as_str()).collect();
    if !backbones.is_empty() && !available.contains(&asked) {
        let why = format!("the weights of {asked} are not to be had here: there is {}", one_of(&available));
        return Err(OptionError::new("backbone", why));
    }
    let asked = recipe.precision;
    if asked != Precision::Auto && !precisions.is_empty() && !precisions.contains(&asked) {
        let names: Vec<_> = [Precision::Auto].iter().chain(precisions).map(|precision| precision.name()).collect();
        let why = format!("no worker here computes in {asked}: there is {}", one_of(&names));
        return Err(OptionError::new("precision", why));
    }
    Ok(())
}

/// `a`, `a and b`, or `a, b and c`.
fn one_of(names: &[&str]) -> String {
    match names {
        [] => "none".to_owned(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use impasto_recipe::{Limits, Options, Size};

    use super::*;

    fn recipe(option: &str, value: &str) -> Recipe {
        let mut options = Options::default();
        options.set(option, value).unwrap();
        options.resolve(&Inputs::new(Size::new(64, 64), 1), &Limits::default()).unwrap()
    }

    #[test]
    fn what_is_not_known_is_not_refused() {
        for (option, value) in [("backbone", "vgg19"), ("precision", "tf32")] {
            assert_eq!(refuse_what_no_worker_has(&[], &[], &recipe(option, value)), Ok(()));
        }
    }

    #[test]
    fn a_refusal_says_what_there_is() {
        let backbone = |name: &str, available| BackboneInfo {
            name: name.to_owned(),
            default: available,
            available,
            source: None,
            weights: None,
        };
        let backbones = [backbone("vgg16", true), backbone("vgg19", false)];
        let refused = refuse_what_no_worker_has(&backbones, &[], &recipe("backbone", "vgg19")).unwrap_err();
        assert!(refused.option == "backbone" && refused.reason.ends_with("there is vgg16"), "{refused}");
        let precisions = [Precision::F32, Precision::Bf16];
        let refused = refuse_what_no_worker_has(&backbones, &precisions, &recipe("precision", "tf32")).unwrap_err();
        assert!(refused.option == "precision" && refused.reason.ends_with("there is auto, f32 and bf16"), "{refused}");
        for precision in ["auto", "bf16"] {
            assert_eq!(refuse_what_no_worker_has(&backbones, &precisions, &recipe("precision", precision)), Ok(()));
        }
    }
}
