//! Which backbone is taken from where.

mod common;

use std::{fs, path::Path};

use common::{VGG19, WeightsFile};
use impasto_engine::vgg::Architecture;
use impasto_recipe::BackboneChoice;
use impasto_weights::{Hub, Settings, Source, Store, WeightsError};
use safetensors::Dtype;

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

fn settings(cache: &Path) -> Settings {
    Settings { cache: cache.to_owned(), vgg16: None, vgg19: None, download: false }
}

fn store(settings: Settings) -> Store {
    Store::with_hub(settings, Hub::at(NOWHERE))
}

#[test]
fn vgg16_is_built_in() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(settings(&folder.path().join("nothing/here")));
    for choice in [BackboneChoice::Auto, BackboneChoice::Vgg16] {
        assert_eq!(store.resolve(choice).unwrap(), (Architecture::Vgg16, Source::BuiltIn));
    }
    let backbone = store.load(BackboneChoice::Auto, &|| {}).unwrap();
    assert_eq!(backbone.architecture, Architecture::Vgg16);
    assert_eq!(backbone.convolutions.len(), 11);
    for (convolution, layer) in backbone.convolutions.iter().zip(Architecture::Vgg16.convolutions()) {
        assert_eq!(convolution.in_channels, layer.in_channels);
        assert_eq!(convolution.out_channels, layer.out_channels);
        assert_eq!(convolution.kernel.len(), layer.out_channels * layer.in_channels * 9);
        assert_eq!(convolution.bias.len(), layer.out_channels);
        assert!(convolution.kernel.iter().chain(&convolution.bias).all(|value| value.is_finite()));
        assert!(convolution.kernel.iter().any(|&value| value != 0.0));
    }
    assert!(!folder.path().join("nothing").exists(), "nothing is written");
}

#[test]
fn auto_is_vgg19_once_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let cached = folder.path().join("vgg19.safetensors");
    fs::write(&cached, &*VGG19).unwrap();
    let from_cache = store(settings(folder.path()));
    assert_eq!(from_cache.resolve(BackboneChoice::Auto).unwrap(), (Architecture::Vgg19, Source::Cache(cached.clone())));
    assert_eq!(from_cache.load(BackboneChoice::Auto, &|| {}).unwrap().architecture, Architecture::Vgg19);
    assert_eq!(from_cache.resolve(BackboneChoice::Vgg16).unwrap(), (Architecture::Vgg16, Source::BuiltIn));

    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("mine.safetensors");
    fs::rename(&cached, &path).unwrap();
    let from_path = store(Settings { vgg19: Some(path.clone()), ..settings(folder.path()) });
    assert_eq!(from_path.resolve(BackboneChoice::Auto).unwrap(), (Architecture::Vgg19, Source::Path(path)));
    assert_eq!(from_path.load(BackboneChoice::Vgg19, &|| {}).unwrap().architecture, Architecture::Vgg19);
}

#[test]
fn vgg19_that_is_not_here_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let error = store(settings(folder.path())).load(BackboneChoice::Vgg19, &|| {}).unwrap_err();
    assert!(matches!(error, WeightsError::NotHere(Architecture::Vgg19)));
    assert_eq!(
        error.to_string(),
        "the weights of vgg19 are not on this machine: run `impasto weights fetch`, let them be fetched with \
         weights.download = true, or name a file of torchvision's weights with weights.vgg19 = PATH"
    );
}

#[test]
fn a_configured_path_is_never_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent.safetensors");
    let with_absent = store(Settings { vgg19: Some(absent), ..settings(folder.path()) });
    assert!(matches!(with_absent.load(BackboneChoice::Auto, &|| {}), Err(WeightsError::File { .. })));

    let swapped = folder.path().join("swapped.safetensors");
    fs::write(&swapped, WeightsFile::of(Architecture::Vgg16, Dtype::F16).bytes()).unwrap();
    let with_swapped = store(Settings { vgg19: Some(swapped), ..settings(folder.path()) });
    let error = with_swapped.load(BackboneChoice::Vgg19, &|| {}).unwrap_err().to_string();
    assert!(error.ends_with("swapped.safetensors are of no use: it holds vgg16, not vgg19"), "{error}");
}

#[test]
fn the_list_tells_of_both() {
    let folder = tempfile::tempdir().unwrap();
    let list = store(settings(folder.path())).list();
    let [vgg16, vgg19] = list.as_slice() else { panic!("{list:?}") };
    assert_eq!((vgg16.architecture, &vgg16.source), (Architecture::Vgg16, &Source::BuiltIn));
    let report = vgg16.report.as_ref().unwrap();
    assert_eq!((report.architecture, report.dtype().as_str()), (Architecture::Vgg16, "f16"));
    assert_eq!((vgg19.architecture, &vgg19.source), (Architecture::Vgg19, &Source::Hub));
    assert!(matches!(vgg19.report, Err(WeightsError::NotHere(Architecture::Vgg19))));

    fs::write(folder.path().join("vgg19.safetensors"), &VGG19[..10_000]).unwrap();
    let broken = &store(settings(folder.path())).list()[1];
    assert!(matches!(broken.source, Source::Cache(_)));
    assert!(broken.report.as_ref().unwrap_err().to_string().contains("cut off"));
}

#[test]
fn settings_have_defaults_and_refuse_unknown_keys() {
    let defaults: Settings = serde_json::from_str("{}").unwrap();
    assert_eq!(defaults, Settings::default());
    assert!(!defaults.download && defaults.cache.ends_with("impasto"));
    let error = serde_json::from_str::<Settings>(r#"{"vgg13": "a"}"#).unwrap_err().to_string();
    assert!(error.contains("unknown field `vgg13`"), "{error}");
}
