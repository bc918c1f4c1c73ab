//! Settings of plots and of sampling, which are accepted and have no effect.

/// How an axis of a plot is scaled.
#[derive(Clone, Copy, Debug, Default)]
pub enum AxisScale {
    /// Linearly.
    #[default]
    Linear,
    /// Logarithmically.
    Logarithmic,
}

/// How plots look.
#[derive(Clone, Debug, Default)]
pub struct PlotConfiguration {
    _summary_scale: AxisScale,
}

impl PlotConfiguration {
    /// Sets the scale of the axes of summary plots.
    #[must_use]
    pub const fn summary_scale(self, new_scale: AxisScale) -> Self {
        Self { _summary_scale: new_scale }
    }
}

/// What draws plots.
#[derive(Clone, Copy, Debug)]
pub enum PlottingBackend {
    /// The program gnuplot.
    Gnuplot,
    /// The crate plotters.
    Plotters,
    /// Nothing.
    None,
}

/// How the number of iterations of samples is chosen. Here it is the same for all samples of a
/// bench, in every arm.
#[derive(Clone, Copy, Debug, Default)]
pub enum SamplingMode {
    /// By the length of an iteration.
    #[default]
    Auto,
    /// Growing from sample to sample.
    Linear,
    /// The same for all samples.
    Flat,
}
