//! Runs of the golden script, done again by the engine. For the test of the short ones and for the example that does the
//! long ones.

use std::path::Path;

use impasto_engine::{
    DeviceName, Engine, EngineSettings, Flow, Observer, Outcome, Snapshot, Subject,
    vgg::{Architecture, Backbone},
};
use impasto_picture::{DecodeLimits, Picture};
use impasto_recipe::{BackboneChoice, Inputs, Limits, Options, Precision, ProgressEntry};
use serde::Deserialize;

use crate::support::{golden, seeded};

/// One run, as the reference told of it.
#[derive(Debug, Deserialize)]
pub struct Run {
    backbone: String,
    objective: String,
    learning_rate: f64,
    stages: Vec<String>,
    report_every: u32,
    pub entries: Vec<Entry>,
}

/// The losses that the reference printed.
#[derive(Debug, Clone, Copy, Deserialize)]
#[allow(dead_code, reason = "the example prints less than the test compares")]
pub struct Entry {
    pub stage: u32,
    pub epoch: u32,
    pub content: f64,
    pub style: f64,
    pub tv: f64,
    pub total: f64,
    pub learning_rate: f64,
}

impl Entry {
    pub fn terms(&self) -> [(&'static str, f64); 4] {
        [("content", self.content), ("style", self.style), ("tv", self.tv), ("total", self.total)]
    }
}

impl From<ProgressEntry> for Entry {
    fn from(entry: ProgressEntry) -> Self {
        let ProgressEntry { stage, epoch, content, style, tv, total, learning_rate, .. } = entry;
        Self { stage, epoch, content, style, tv, total, learning_rate }
    }
}

pub fn runs(file: &Path) -> Vec<Run> {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

#[derive(Default)]
struct Listener(Vec<Entry>);

impl Observer for Listener {
    fn progress(&mut self, entry: &ProgressEntry) {
        self.0.push((*entry).into());
    }

    fn epoch(&mut self, _: &Snapshot<'_>) -> Flow {
        Flow::Continue
    }
}

impl Run {
    pub fn name(&self, precision: Precision) -> String {
        format!("{} {} {} {precision}", self.backbone, self.objective, self.stages.join(","))
    }

    /// The losses that the engine finds, in the reference's order.
    pub fn repeat(&self, precision: Precision) -> Vec<Entry> {
        let styles = vec![picture("style.png").into()];
        let subject = Subject { content: picture("content.png"), styles, initial: None };
        let backbone = backbone(&self.backbone);
        let mut options = Options::default();
        for (name, text) in [
            ("stages", self.stages.join(",")),
            ("objective", self.objective.clone()),
            ("backbone", backbone.architecture.to_string()),
            ("optimiser", "adam".to_owned()),
            ("learning_rate", self.learning_rate.to_string()),
            ("report_every", self.report_every.to_string()),
        ] {
            options.set(name, &text).unwrap();
        }
        let recipe = options.resolve(&Inputs::new(subject.content.size(), 1), &Limits::default()).unwrap();
        let settings = EngineSettings { device: DeviceName::Cpu, precision, threads: None };
        let engine = Engine::new(backbone, &settings).unwrap();
        let mut listener = Listener::default();
        let outcome = engine.paint(&recipe, &subject, None, &mut listener).unwrap();
        assert!(matches!(outcome, Outcome::Finished(_)));
        listener.0
    }
}

/// A network by the name that the golden script has for it.
pub fn backbone(name: &str) -> Backbone {
    match name {
        "vgg16" => impasto_weights::Store::new(impasto_weights::Settings::default())
            .load(BackboneChoice::Vgg16, &|| {})
            .unwrap(),
        "vgg19-seeded" => seeded(Architecture::Vgg19, 1, 19),
        other => panic!("the golden script knows no {other}"),
    }
}

fn picture(name: &str) -> Picture {
    Picture::decode(&std::fs::read(golden(name)).unwrap(), &DecodeLimits::default()).unwrap()
}
