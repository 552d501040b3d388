//! The options that are one name out of a few.

use crate::vgg::Architecture;

/// A name that is none of those an option knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not one of {}", known.join(", "))]
pub struct UnknownName {
    /// What was given.
    pub given: String,
    /// What would have been understood.
    pub known: &'static [&'static str],
}

/// Declares an enum whose variants have one name each: in text, in JSON and on the command line.
macro_rules! named {
    ($(#[$meta:meta])* $type:ident { $($(#[$variant_meta:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        pub enum $type {
            $($(#[$variant_meta])* #[serde(rename = $name)] $variant,)+
        }

        impl $type {
            /// Every name, in the order of declaration.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The name as it stands in requests and answers.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::UnknownName;
            fn from_str(given: &str) -> Result<Self, Self::Err> {
                match given {
                    $($name => Ok(Self::$variant),)+
                    _ => Err($crate::UnknownName { given: given.to_owned(), known: Self::NAMES }),
                }
            }
        }
    };
}
pub(crate) use named;

named! {
    /// What is compared, and how it is weighed.
    Objective {
        /// Features before ReLU, maximum pooling, mean squared differences; content at the last convolution of block 4.
        Published = "published",
        /// Features after ReLU, L2 pooling, every term divided by the energy of its target, style by Gram matrices and by the
        /// channels' means and deviations; content at conv4_2.
        Relative = "relative",
    }
}

named! {
    /// How four features become one between two blocks.
    PoolingChoice {
        /// The greatest of them.
        Maximum = "max",
        /// Their mean.
        Average = "average",
        /// Their Euclidean length.
        L2 = "l2",
    }
}

impl PoolingChoice {
    /// The one that goes with an objective.
    pub(crate) fn of(objective: Objective) -> Self {
        match objective {
            Objective::Published => Self::Maximum,
            Objective::Relative => Self::L2,
        }
    }
}

named! {
    /// What the first stage starts from.
    Init {
        /// The photograph.
        Content = "content",
        /// Noise, which `seed` makes repeatable.
        Noise = "noise",
        /// A picture given with the request.
        Picture = "picture",
    }
}

named! {
    /// Whose colours the result has.
    Colours {
        /// The painting's, as the style loss brings them in.
        Style = "style",
        /// The photograph's: the result keeps its own luminance alone.
        Content = "content",
        /// The painting's, brought to the mean and covariance of the photograph's first.
        Matched = "matched",
    }
}

named! {
    /// What becomes of the photograph's transparency.
    Alpha {
        /// The result has it too.
        Keep = "keep",
        /// The photograph is laid on white.
        White = "white",
    }
}

named! {
    /// Whose features are compared.
    BackboneChoice {
        /// VGG-19 where its weights are at hand, else the built-in VGG-16.
        Auto = "auto",
        /// The built-in VGG-16.
        Vgg16 = "vgg16",
        /// torchvision's ImageNet VGG-19.
        Vgg19 = "vgg19",
    }
}

impl From<Architecture> for BackboneChoice {
    fn from(architecture: Architecture) -> Self {
        match architecture {
            Architecture::Vgg16 => Self::Vgg16,
            Architecture::Vgg19 => Self::Vgg19,
        }
    }
}

impl BackboneChoice {
    /// The network that is meant, where `auto` stands for `automatic`.
    pub fn or(self, automatic: Architecture) -> Architecture {
        match self {
            Self::Auto => automatic,
            Self::Vgg16 => Architecture::Vgg16,
            Self::Vgg19 => Architecture::Vgg19,
        }
    }
}

named! {
    /// The number format that the convolutions compute in.
    Precision {
        /// The fastest one that the device has and that keeps the losses true.
        Auto = "auto",
        /// 32-bit floating point.
        F32 = "f32",
        /// 32-bit storage, products of 10-bit mantissas: NVIDIA GPUs only.
        Tf32 = "tf32",
        /// 16-bit brain floating point with 32-bit sums.
        Bf16 = "bf16",
    }
}

named! {
    /// What moves the pixels.
    OptimiserChoice {
        /// Adam: many small steps, each pixel at its own pace.
        Adam = "adam",
        /// L-BFGS: steps that know the loss's curvature. Far fewer of them.
        Lbfgs = "lbfgs",
    }
}
