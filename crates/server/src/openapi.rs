//! What the API says of itself, generated from the code.

use std::{borrow::Cow, sync::LazyLock};

use impasto_recipe::{
    Alpha, BackboneChoice, Colours, Init, Objective, OptimiserChoice, PoolingChoice, Precision, Preset, StyleFit,
    vgg::Architecture,
};
use utoipa::{
    OpenApi as _,
    openapi::{OpenApi, RefOr, Schema},
};

use crate::{problem::Kind, public_path::PublicPath, routes};

/// What the API is for; paragraphs of text.
pub(crate) const INTRODUCTION: &str = "\
impasto repaints a photograph in the manner of a painting. Submit a job with a content picture and one or more style \
pictures, poll it while a worker optimises the picture, and fetch the result.

Links and `Location` are relative to the origin of the service. What is not done is answered with \
`application/problem+json` (RFC 9457): `type` names the sort of problem and does not change between versions, `detail` \
says what is wrong and what would be right, and `field` names the form field or query parameter at fault.";

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
    api
}

/// Gives the schema called `choice` its names: utoipa does not find them behind the macro that declares the choices.
fn spell(api: &mut OpenApi, choice: &str, names: &[&str]) {
    let schema = api.components.as_mut().and_then(|components| components.schemas.get_mut(choice));
    if let Some(RefOr::T(Schema::Object(schema))) = schema {
        schema.enum_values = Some(names.iter().map(|&name| name.into()).collect());
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
