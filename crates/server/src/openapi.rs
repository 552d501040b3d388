//! What the API says of itself, generated from the code.

use std::{borrow::Cow, sync::LazyLock};

use impasto_jobs::Scope;
use impasto_recipe::{
    Alpha, BackboneChoice, Colours, Init, Objective, OptimiserChoice, PoolingChoice, Precision, Preset, StyleFit,
    vgg::Architecture,
};
use utoipa::{
    OpenApi as _,
    openapi::{
        Content, OpenApi, Ref, RefOr, Response as ApiResponse, ResponseBuilder, Schema,
        path::Operation,
        schema::AdditionalProperties,
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

use crate::{
    credential::SESSION,
    problem::Kind,
    public_path::PublicPath,
    routes::{self, Access},
};

/// What the two ways to show a key are called.
pub(crate) const KEY: &str = "key";
const PAGE: &str = "session";

/// What the API is for; paragraphs of text.
pub(crate) const INTRODUCTION: &str = "\
impasto repaints a photograph in the manner of a painting. Submit a job with a content picture and one or more style \
pictures, poll it while a worker optimises the picture, and fetch the result.

Links and `Location` are relative to the origin of the service. What is not done is answered with \
`application/problem+json` (RFC 9457): `type` names the sort of problem and does not change between versions, `detail` \
says what is wrong and what would be right, and `field` names the form field, query parameter or header at fault.

Where the operator has made keys, most endpoints take one: `Authorization: Bearer impasto_…`, with the scopes that each names. A key \
sees its own jobs alone.";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "impasto"),
    tags(
        (name = "jobs", description = "Requests to stylise"),
        (name = "pictures", description = "What comes of them"),
        (name = "service", description = "The service itself"),
    ),
)]
struct Base;

/// The description without its endpoints.
pub(crate) fn base() -> OpenApi {
    let mut api = Base::openapi();
    let mut text = format!("{INTRODUCTION}\n\n| `type` | status | title |\n|---|---|---|\n");
    for kind in Kind::ALL {
        text += &format!("| `{}` | {} | {} |\n", kind.uri(), kind.status().as_u16(), kind.title());
    }
    api.info.description = Some(text);
    api
}

/// The whole description.
pub(crate) fn whole() -> OpenApi {
    let mut api = routes::router().into_openapi();
    describe_admission(&mut api);
    spell(&mut api, "BackboneChoice", BackboneChoice::NAMES);
    spell(&mut api, "Objective", Objective::NAMES);
    spell(&mut api, "OptimiserChoice", OptimiserChoice::NAMES);
    spell(&mut api, "Precision", Precision::NAMES);
    spell(&mut api, "Preset", Preset::NAMES);
    spell(&mut api, "StyleFit", StyleFit::NAMES);
    spell(&mut api, "PoolingChoice", PoolingChoice::NAMES);
    spell(&mut api, "Init", Init::NAMES);
    spell(&mut api, "Colours", Colours::NAMES);
    spell(&mut api, "Alpha", Alpha::NAMES);
    spell(&mut api, "Architecture", Architecture::NAMES);
    close(&mut api, "JobForm");
    api
}

/// Says of every endpoint what it takes to get to it: nobody has to remember that.
fn describe_admission(api: &mut OpenApi) {
    let bearer = Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("impasto_…").build();
    let session = ApiKey::Cookie(ApiKeyValue::new(SESSION));
    let components = api.components.get_or_insert_default();
    components.add_security_scheme(KEY, SecurityScheme::Http(bearer));
    components.add_security_scheme(PAGE, SecurityScheme::ApiKey(session));
    for (path, item) in &mut api.paths.paths {
        let access = routes::access(path);
        let safe = item.get.as_mut().map(|operation| (operation, false));
        let others = [&mut item.post, &mut item.delete].into_iter().flatten().map(|operation| (operation, true));
        for (operation, changes_something) in safe.into_iter().chain(others) {
            describe_door(operation, access, routes::scopes(path, changes_something), changes_something);
        }
    }
}

fn describe_door(operation: &mut Operation, access: Access, scopes: &[Scope], changes_something: bool) {
    let mut may_be = |status: &str, why: &str| {
        let responses = &mut operation.responses.responses;
        responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(problem_response(why)));
    };
    may_be("421", "The service is not known by the name in `Host` (`foreign-host`)");
    if access == Access::Keyed {
        may_be("401", "It takes a key (`key-required`), or the key opens nothing (`unknown-key`)");
    }
    if access == Access::Keyed || changes_something {
        may_be("403", "The key does not allow it (`not-allowed`), or a page of another site asks (`cross-site`)");
    }
    if access != Access::Free {
        may_be(
            "429",
            "There are too many requests (`too-many-requests`), or the client has as much as it may (`quota`)",
        );
    }
    if access == Access::Keyed {
        let names = || scopes.iter().map(|scope| scope.name());
        operation.security = Some([KEY, PAGE].map(|way| SecurityRequirement::new(way, names())).into());
    }
}

fn problem_response(why: &str) -> ApiResponse {
    let document = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new().description(why).content("application/problem+json", document).build()
}

/// Gives the schema called `choice` its names: utoipa does not find them behind the macro that declares the choices.
fn spell(api: &mut OpenApi, choice: &str, names: &[&str]) {
    let schema = api.components.as_mut().and_then(|components| components.schemas.get_mut(choice));
    if let Some(RefOr::T(Schema::Object(schema))) = schema {
        schema.enum_values = Some(names.iter().map(|&name| name.into()).collect());
    }
}

/// Says that the schema called `form` has no fields but its own: one that nobody knows is refused.
fn close(api: &mut OpenApi, form: &str) {
    let schema = api.components.as_mut().and_then(|components| components.schemas.get_mut(form));
    if let Some(RefOr::T(Schema::Object(schema))) = schema {
        schema.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
    }
}

static YAML: LazyLock<String> = LazyLock::new(|| {
    // Strings, numbers, lists and maps with text for keys: there is nothing in it that YAML cannot say.
    whole().to_yaml().expect("an OpenAPI description is plain data")
});

/// The whole description as a file, of a service that is seen under `under`.
pub(crate) fn yaml(under: &PublicPath) -> Cow<'static, str> {
    match under.is_empty() {
        true => YAML.as_str().into(),
        false => format!("{}\nservers:\n- url: {under}\n", YAML.trim_end()).into(),
    }
}

/// The description of the API, as openapi.yaml holds it.
pub fn openapi_yaml() -> String {
    YAML.clone()
}
