//! Fetching from a hub that is on this machine, and not always well.

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use common::{
    VGG19, WeightsFile,
    hub::{Answer, FakeHub, hex_sha256},
};
use half::f16;
use impasto_engine::vgg::Architecture;
use impasto_recipe::BackboneChoice;
use impasto_weights::{Hub, Progress, Settings, Source, Store, WeightsError};
use safetensors::Dtype;

fn store(cache: &Path, hub: &FakeHub) -> Store {
    let settings = Settings { cache: cache.to_owned(), vgg16: None, vgg19: None, download: true };
    Store::with_hub(settings, Hub::at(&hub.endpoint).with_retries(0))
}

fn fetch(cache: &Path, hub: &FakeHub) -> Result<(), WeightsError> {
    store(cache, hub).fetch(Architecture::Vgg19, ()).map(|path| assert_eq!(path, cache.join("vgg19.safetensors")))
}

fn left_in(cache: &Path) -> Vec<String> {
    fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// That a file with this flaw is thrown away, and what is said.
fn refused(bytes: Vec<u8>) -> String {
    let hub = FakeHub::with(bytes.leak());
    let cache = tempfile::tempdir().unwrap();
    let error = fetch(cache.path(), &hub).unwrap_err().to_string();
    assert_eq!(left_in(cache.path()), Vec::<String>::new());
    let start =
        format!("what came from {}/timm/vgg19.tv_in1k/resolve/main/model.safetensors was thrown away: ", hub.endpoint);
    error.strip_prefix(&start).unwrap_or_else(|| panic!("{error}")).to_owned()
}

/// Writes down what it hears.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<(usize, usize, bool)>>);

impl Progress for Heard {
    fn init(&mut self, size: usize, _name: &str) {
        *self.0.lock().unwrap() = (size, 0, false);
    }
    fn update(&mut self, size: usize) {
        self.0.lock().unwrap().1 += size;
    }
    fn finish(&mut self) {
        self.0.lock().unwrap().2 = true;
    }
}

#[test]
fn a_good_file_lands_in_the_cache() {
    let hub = FakeHub::with(&VGG19);
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("made/on/the/way");
    let store = store(&cache, &hub);
    let heard = Heard::default();
    let path = store.fetch(Architecture::Vgg19, heard.clone()).unwrap();
    assert_eq!(*heard.0.lock().unwrap(), (VGG19.len(), VGG19.len(), true));
    assert!(fs::read(&path).unwrap() == *VGG19, "byte for byte");
    assert_eq!(left_in(&cache), ["vgg19.safetensors"]);
    assert_eq!(store.resolve(BackboneChoice::Auto).unwrap(), (Architecture::Vgg19, Source::Cache(path)));

    store.fetch(Architecture::Vgg19, ()).unwrap();
    assert_eq!(hub.downloads.load(Ordering::SeqCst), 1, "what is there is not fetched again");
}

#[test]
fn loading_fetches_where_it_may() {
    let hub = FakeHub::with(&VGG19);
    let cache = tempfile::tempdir().unwrap();
    let store = store(cache.path(), &hub);
    assert_eq!(store.resolve(BackboneChoice::Auto).unwrap().0, Architecture::Vgg16);
    assert_eq!(store.resolve(BackboneChoice::Vgg19).unwrap(), (Architecture::Vgg19, Source::Hub));
    let beats = AtomicUsize::new(0);
    let alive = || {
        beats.fetch_add(1, Ordering::SeqCst);
    };
    assert_eq!(store.load(BackboneChoice::Vgg19, &alive).unwrap().architecture, Architecture::Vgg19);
    let beats = beats.load(Ordering::SeqCst);
    // 26 MB are fetched, hashed and read twice, at the most 10 MB at a time, and mostly far less.
    assert!(beats > 100, "{beats} signs of life");
}

#[test]
fn a_broken_file_in_the_cache_is_replaced() {
    let hub = FakeHub::with(&VGG19);
    let cache = tempfile::tempdir().unwrap();
    fs::write(cache.path().join("vgg19.safetensors"), &VGG19[..5000]).unwrap();
    fetch(cache.path(), &hub).unwrap();
    assert_eq!(left_in(cache.path()), ["vgg19.safetensors"]);
    assert_eq!(fs::metadata(cache.path().join("vgg19.safetensors")).unwrap().len(), VGG19.len() as u64);
}

#[test]
fn fetching_twice_at_once_downloads_once() {
    let hub = FakeHub::with(&VGG19);
    let cache = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| fetch(cache.path(), &hub)));
        both.into_iter().for_each(|one| one.join().unwrap().unwrap());
    });
    assert_eq!(left_in(cache.path()), ["vgg19.safetensors"]);
    assert_eq!(hub.downloads.load(Ordering::SeqCst), 1);
}

/// Gives VGG-19, but ends the first connection after a million bytes; and writes down from where the file was asked for.
fn breaking_once() -> (FakeHub, Arc<Mutex<Vec<usize>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let starts = asked.clone();
    let hub = FakeHub::answering(&VGG19, hex_sha256(&VGG19), move |request| {
        if request.path != "/elsewhere" || !request.is_download {
            return Answer::Whole;
        }
        let mut starts = starts.lock().unwrap();
        starts.push(request.range.0);
        if starts.len() == 1 { Answer::CutAfter(1_000_000) } else { Answer::Whole }
    });
    (hub, asked)
}

/// The unfinished file that a broken download has left.
fn part_in(cache: &Path) -> PathBuf {
    let blobs = cache.join(".fetch-vgg19/models--timm--vgg19.tv_in1k/blobs");
    let files = fs::read_dir(blobs).unwrap().map(|entry| entry.unwrap().path());
    files.into_iter().find(|path| path.extension().unwrap() == "part").unwrap()
}

fn assert_fetched(cache: &Path) {
    assert_eq!(left_in(cache), ["vgg19.safetensors"]);
    assert!(fs::read(cache.join("vgg19.safetensors")).unwrap() == *VGG19, "byte for byte");
}

#[test]
fn a_connection_that_breaks_leaves_what_came_and_the_next_process_asks_for_the_rest() {
    let (hub, asked) = breaking_once();
    let cache = tempfile::tempdir().unwrap();
    let error = fetch(cache.path(), &hub).unwrap_err();
    assert!(matches!(error, WeightsError::Fetch { .. }), "{error}");
    let said = error.to_string();
    assert!(said.starts_with("the weights of vgg19 could not be fetched from http://127.0.0.1:"), "{said}");
    assert!(said.ends_with("Try again, or name a file with weights.vgg19 = PATH"), "{said}");
    assert_eq!(left_in(cache.path()), [".fetch-vgg19"]);

    fetch(cache.path(), &hub).unwrap();
    assert_fetched(cache.path());
    assert_eq!(*asked.lock().unwrap(), [0, 1_000_000]);
}

#[test]
fn a_part_that_is_damaged_is_fetched_once_more_from_the_start() {
    type Damage = (&'static str, fn(&mut Vec<u8>), Vec<usize>);
    let whole = VGG19.len();
    let damages: [Damage; 3] = [
        ("changed", |part| part[500_000] ^= 1, vec![0, 1_000_000, 0]),
        ("longer than the file", |part| part.resize(VGG19.len() + 1, 0), vec![0, 0]),
        ("as long as the file", |part| part.resize(VGG19.len(), 0), vec![0, whole, 0]),
    ];
    for (damage, spoil, want) in damages {
        let (hub, asked) = breaking_once();
        let cache = tempfile::tempdir().unwrap();
        fetch(cache.path(), &hub).unwrap_err();
        let path = part_in(cache.path());
        let mut part = fs::read(&path).unwrap();
        spoil(&mut part);
        fs::write(&path, part).unwrap();
        fetch(cache.path(), &hub).unwrap();
        assert_fetched(cache.path());
        assert_eq!(*asked.lock().unwrap(), want, "{damage}");
    }
}

#[test]
fn a_broken_download_is_taken_up_where_it_broke() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let starts = asked.clone();
    let hub = FakeHub::answering(&VGG19, hex_sha256(&VGG19), move |request| {
        if request.is_download && request.path == "/elsewhere" {
            starts.lock().unwrap().push(request.range.0);
        }
        if request.range.0 == 0 { Answer::CutAfter(1_000_000) } else { Answer::Whole }
    });
    let cache = tempfile::tempdir().unwrap();
    let settings = Settings { cache: cache.path().to_owned(), ..Settings::default() };
    let path =
        Store::with_hub(settings, Hub::at(&hub.endpoint).with_retries(1)).fetch(Architecture::Vgg19, ()).unwrap();
    assert!(fs::read(path).unwrap() == *VGG19, "byte for byte");
    assert_eq!(*asked.lock().unwrap(), [0, 1_000_000]);
}

#[test]
fn files_of_no_use_are_thrown_away() {
    let good = WeightsFile::of(Architecture::Vgg19, Dtype::F16);
    assert_eq!(refused(VGG19[..VGG19.len() - 77].to_vec()), "it was cut off: 77 bytes are missing at its end");
    assert_eq!(
        refused(good.clone().without("features.28.bias").bytes()),
        "vgg19 needs the tensor features.28.bias, which is missing"
    );
    let mut turned = good.clone();
    turned.tensor("features.2.weight").shape = vec![64, 576, 1, 1];
    assert_eq!(
        refused(turned.bytes()),
        "the tensor features.2.weight has the shape [64, 576, 1, 1] instead of [64, 64, 3, 3]"
    );
    let mut spoilt = good;
    spoilt.tensor("features.10.weight").data[..2].copy_from_slice(&f16::NAN.to_le_bytes());
    assert_eq!(refused(spoilt.bytes()), "the tensor features.10.weight holds NaN, which is no number to compute with");
    assert_eq!(refused(WeightsFile::of(Architecture::Vgg16, Dtype::F16).bytes()), "it holds vgg16, not vgg19");
    assert!(refused(b"<html>please log in to this network</html>".to_vec()).starts_with("it is no safetensors file: "));
}

#[test]
fn bytes_that_changed_on_their_way_are_thrown_away() {
    let promised = hex_sha256(b"something else");
    let hub = FakeHub::answering(&VGG19, promised.clone(), |_| Answer::Whole);
    let cache = tempfile::tempdir().unwrap();
    let error = fetch(cache.path(), &hub).unwrap_err().to_string();
    assert!(
        error.ends_with(&format!("its SHA-256 is {}, and the hub promised {promised}", hex_sha256(&VGG19))),
        "{error}"
    );
    assert_eq!(left_in(cache.path()), Vec::<String>::new());
}

#[test]
fn a_hub_that_refuses_is_told_of() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let hub = FakeHub::answering(&VGG19, String::new(), move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        Answer::Status("404 Not Found")
    });
    let cache = tempfile::tempdir().unwrap();
    let error = fetch(cache.path(), &hub).unwrap_err().to_string();
    assert!(error.contains("404"), "{error}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(left_in(cache.path()), Vec::<String>::new());

    let gone = FakeHub { endpoint: "http://127.0.0.1:9".to_owned(), downloads: Arc::default() };
    assert!(matches!(fetch(cache.path(), &gone), Err(WeightsError::Fetch { .. })));
    assert_eq!(left_in(cache.path()), Vec::<String>::new());
}

#[test]
fn the_built_in_one_is_not_fetched() {
    let hub = FakeHub::with(&VGG19);
    let cache = tempfile::tempdir().unwrap();
    let error = store(cache.path(), &hub).fetch(Architecture::Vgg16, ()).unwrap_err();
    assert_eq!(error.to_string(), "vgg16 is built in: there is nothing to fetch");
}
