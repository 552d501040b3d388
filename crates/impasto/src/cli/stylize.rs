//! The flags of `impasto stylize`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use impasto_picture::{Format, JpegQuality};

use super::{EngineArguments, RecipeArguments};

#[derive(Debug, Args)]
pub struct StylizeArguments {
    /// The picture to repaint; or a folder, of which every picture is.
    #[arg(long, value_name = "FILE|DIR")]
    pub content: PathBuf,
    /// A picture in whose manner; may be given several times.
    #[arg(long, value_name = "FILE", required = true)]
    pub style: Vec<PathBuf>,
    /// Where the result goes: a .png, .jpg, .webp or .tiff file; a folder, where --content is one.
    #[arg(short, long, value_name = "FILE|DIR")]
    pub output: PathBuf,
    /// A grey picture that says where a style applies, white being all of it: the first for the first style, and so on. What no
    /// mask covers stays the photograph; a style without a mask applies everywhere.
    #[arg(long, value_name = "FILE")]
    pub mask: Vec<PathBuf>,
    /// A grey picture that says which part of a style counts, in the same order.
    #[arg(long, value_name = "FILE")]
    pub style_mask: Vec<PathBuf>,
    /// A picture to start from in place of the photograph, such as an earlier result. Of a preset's stages only those that are
    /// larger are painted, and the last one in any case.
    #[arg(long, value_name = "FILE")]
    pub initial: Option<PathBuf>,
    /// Save to this file on the way, and go on from it where it is there; Ctrl-C saves before it ends. It is deleted once the
    /// result is written.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// The result's format: png, png16, jpeg, webp or tiff [default: what its name says; png in a folder].
    #[arg(long)]
    pub format: Option<Format>,
    /// The quality of a JPEG [default: 95].
    #[arg(long, value_name = "1..100")]
    pub quality: Option<JpegQuality>,
    #[command(flatten)]
    pub recipe: RecipeArguments,
    #[command(flatten, next_help_heading = "What computes")]
    pub engine: EngineArguments,
    #[command(flatten)]
    pub limits: LimitArguments,
    /// How the losses are printed.
    #[arg(long, value_enum, default_value_t = LossFormat::Text, help_heading = "Besides")]
    pub losses: LossFormat,
    /// The configuration file, for the weights' places and the limits [default: config/impasto.toml, where it is there].
    #[arg(long, value_name = "FILE", help_heading = "Besides")]
    pub config: Option<PathBuf>,
}

/// What is refused. The defaults are the service's, by its configuration.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits, by default the service's")]
pub struct LimitArguments {
    /// Bytes of a picture's file (server.max_file_bytes).
    #[arg(long, value_name = "N")]
    pub max_file_bytes: Option<u64>,
    /// Pixels of a picture (server.max_pixels).
    #[arg(long, value_name = "N")]
    pub max_pixels: Option<u64>,
    /// Pixels of a stage, its margin's included (server.max_stage_pixels).
    #[arg(long, value_name = "N")]
    pub max_stage_pixels: Option<u64>,
    /// Epochs of all stages together (server.max_epochs).
    #[arg(long, value_name = "N")]
    pub max_epochs: Option<u32>,
    /// Styles (server.max_styles).
    #[arg(long, value_name = "N")]
    pub max_styles: Option<usize>,
}

/// How losses are printed on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LossFormat {
    /// A line for people.
    Text,
    /// A JSON object a line, key for key the reference script's.
    Json,
}
