//! One stage: the optimisation at one image size.

use std::time::Instant;

use candle_core::{DType, Tensor};
use impasto_recipe::{Canvas, LossWeights, Position, ProgressEntry, Stage};

use crate::{
    EngineError,
    algebra::add_scaled,
    finish::Finish,
    free::Free,
    losses::Losses,
    network::{FeatureNetwork, Terms},
    optimiser::{Here, Optimiser},
    tv::TotalVariation,
};

/// The learning rate is multiplied by this at every decay.
const DECAY_FACTOR: f64 = 0.1;
/// Epochs that a stage needs to warm up and that its seconds per epoch leave out.
const WARM_UP: u32 = 2;

/// A stage on its way.
pub(crate) struct StageRun<'a> {
    pub number: u32,
    pub stage: Stage,
    pub canvas: Canvas,
    pub finish: Finish,
    /// Which pixels may be moved, where not all may.
    pub free: Option<Free>,
    pub smoothness: TotalVariation,
    pub weights: LossWeights,
    pub base_rate: f64,
    pub network: Box<dyn FeatureNetwork + 'a>,
    /// The composite image after `epoch` epochs.
    pub image: Tensor,
    pub optimiser: Optimiser,
    pub epoch: u32,
    pub clock: Clock,
}

impl StageRun<'_> {
    pub fn position(&self) -> Position {
        Position { stage: self.number, epoch: self.epoch }
    }

    pub fn is_finished(&self) -> bool {
        self.epoch >= self.stage.epochs
    }

    /// One optimisation step. Gives the losses of the image before it if they are due to be reported.
    pub fn advance(&mut self, report_every: u32) -> Result<Option<ProgressEntry>, EngineError> {
        let due = self.epoch > 0 && self.epoch.is_multiple_of(report_every);
        if due || self.clock.is_warming_up(self.epoch) {
            self.image.device().synchronize()?;
        }
        self.clock.starts(self.epoch);
        let (terms, by_network) = self.network.terms_and_gradient(&self.image)?;
        let losses = if due || self.optimiser.needs_losses() { Some(self.weighed(&terms)?) } else { None };
        let told = losses.filter(|_| due).map(|losses| self.entry(self.or_best(losses))).transpose()?;
        let gradient = add_scaled(&by_network, self.weights.tv, &self.smoothness.gradient(&self.image)?)?;
        let gradient = self.free.as_ref().map_or(Ok(gradient.clone()), |free| free.part_of(&gradient))?;
        let learning_rate = self.learning_rate();
        let here = Here { image: &self.image, gradient: &gradient, losses };
        let next = self.optimiser.step(&here, learning_rate)?;
        self.image = next.ok_or(EngineError::Diverged(self.position()))?;
        self.epoch += 1;
        Ok(told)
    }

    /// Makes the best image the finished one, and gives its losses.
    pub fn finish(&mut self) -> Result<ProgressEntry, EngineError> {
        self.image.device().synchronize()?;
        self.clock.starts(self.epoch);
        let terms = self.network.terms(&self.image)?;
        let mut losses = self.weighed(&terms)?;
        if let Some((image, best)) = self.optimiser.best()
            && (losses.total().is_nan() || losses.total() > best.total())
        {
            (self.image, losses) = (image.clone(), best);
        }
        self.entry(losses)
    }

    /// What is told of an image with these losses. Where they are no numbers, an optimiser that can goes back to the best
    /// image so far, and it is of that one.
    fn or_best(&self, losses: Losses) -> Losses {
        match self.optimiser.best() {
            Some((_, best)) if !losses.total().is_finite() => best,
            _ => losses,
        }
    }

    fn weighed(&self, terms: &Terms) -> Result<Losses, EngineError> {
        Ok(Losses {
            content: self.weights.content * number(&terms.content)?,
            style: self.weights.style * number(&terms.style)?,
            tv: self.weights.tv * self.smoothness.of_image(&self.image)?,
        })
    }

    fn entry(&self, losses: Losses) -> Result<ProgressEntry, EngineError> {
        let (Losses { content, style, tv }, total) = (losses, losses.total());
        if !total.is_finite() {
            return Err(EngineError::Diverged(self.position()));
        }
        let Position { stage, epoch } = self.position();
        let (learning_rate, seconds_per_epoch) = (self.learning_rate(), self.clock.seconds_per_epoch);
        Ok(ProgressEntry { stage, epoch, content, style, tv, total, learning_rate, seconds_per_epoch })
    }

    /// The rate of the coming epoch: it falls after epoch i, for i = decay, 2 decay, …
    fn learning_rate(&self) -> f64 {
        let falls = self.stage.decay.map_or(0, |decay| self.epoch.saturating_sub(1) / decay);
        (0..falls).fold(self.base_rate, |rate, _| rate * DECAY_FACTOR)
    }
}

fn number(scalar: &Tensor) -> Result<f64, EngineError> {
    Ok(scalar.to_dtype(DType::F64)?.to_scalar()?)
}

/// Measures the time an epoch takes, without those that warm up once there are others.
pub(crate) struct Clock {
    since: Instant,
    first: u32,
    warm_from: u32,
    /// On the average of the epochs that are done, 0 before there are any; of those that warm up, the last one alone.
    seconds_per_epoch: f64,
}

impl Clock {
    /// A clock for a stage of `epochs` epochs that goes on from `epoch`.
    pub fn new(epoch: u32, epochs: u32) -> Self {
        let warm_from = (epoch + WARM_UP).min(epochs.saturating_sub(1));
        Self { since: Instant::now(), first: epoch, warm_from, seconds_per_epoch: 0.0 }
    }

    fn is_warming_up(&self, epoch: u32) -> bool {
        epoch <= self.warm_from
    }

    /// Says that all epochs before this one are done, and this one is not begun.
    fn starts(&mut self, epoch: u32) {
        let now = Instant::now();
        if epoch > self.first {
            self.seconds_per_epoch = (now - self.since).as_secs_f64() / f64::from(epoch - self.first);
        }
        if self.is_warming_up(epoch) {
            (self.since, self.first) = (now, epoch);
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use impasto_recipe::{OptimiserChoice, Size};

    use super::*;

    struct NoNetwork;

    impl FeatureNetwork for NoNetwork {
        fn terms(&mut self, image: &Tensor) -> candle_core::Result<Terms> {
            let zero = Tensor::zeros((), DType::F32, image.device())?;
            Ok(Terms { content: zero.clone(), style: zero })
        }

        fn terms_and_gradient(&mut self, image: &Tensor) -> candle_core::Result<(Terms, Tensor)> {
            Ok((self.terms(image)?, image.zeros_like()?))
        }
    }

    #[test]
    fn the_rate_falls_after_every_decay() {
        let image = Tensor::zeros((1, 3, 16, 16), DType::F32, &Device::Cpu).unwrap();
        let mut run = StageRun {
            number: 1,
            stage: Stage { size: Size::new(16, 16), epochs: 9, decay: Some(3) },
            canvas: Canvas::without_margin(Size::new(16, 16)),
            finish: Finish::default(),
            free: None,
            smoothness: TotalVariation::Absolute,
            weights: LossWeights { content: 1.0, style: 1.0, tv: 1.0 },
            base_rate: 1.0,
            network: Box::new(NoNetwork),
            optimiser: Optimiser::new(OptimiserChoice::Adam, &image).unwrap(),
            image,
            epoch: 0,
            clock: Clock::new(0, 9),
        };
        let mut rates = Vec::new();
        while !run.is_finished() {
            rates.push(run.learning_rate());
            run.advance(1).unwrap();
        }
        assert_eq!(rates, [1.0, 1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.1 * 0.1, 0.1 * 0.1]);
    }
}
