//! Reading a safetensors file: its header, then only the byte ranges of the tensors that the network needs. torchvision's
//! VGG-19 is 575 MB, 52 MB of which are used.

use std::{
    cmp::Ordering,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use half::{bf16, f16};
use impasto_engine::vgg::{Architecture, Backbone, Convolution};
use safetensors::{
    Dtype,
    tensor::{Metadata, TensorInfo},
};
use sha2::{Digest, Sha256};

use crate::{Flaw, WeightsError};

/// What a weights file was found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The network that its tensors make.
    pub architecture: Architecture,
    /// The tensors that are used, in the network's order.
    pub tensors: Vec<Tensor>,
    /// The SHA-256 of those tensors (names, types, shapes and bytes as stored), in hexadecimal. What else is in the file
    /// has no part in it.
    pub hash: String,
    /// The length of the whole file in bytes.
    pub bytes: u64,
}

impl Report {
    /// The type of the numbers: `f32`, `f16`, `bf16`, or several of them.
    pub fn dtype(&self) -> String {
        let mut types: Vec<&str> = self.tensors.iter().map(|tensor| tensor.dtype).collect();
        types.sort_unstable();
        types.dedup();
        types.join(", ")
    }
}

/// One tensor of a weights file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// torchvision's name, such as `features.0.weight`.
    pub name: String,
    /// (out, in, 3, 3) of a kernel, (out) of a bias.
    pub shape: Vec<usize>,
    /// `f32`, `f16` or `bf16`.
    pub dtype: &'static str,
}

/// Reads a weights file whole and says what it holds.
///
/// # Errors
/// What is wrong with it, where no backbone can be made of it.
pub fn check(path: &Path) -> Result<Report, WeightsError> {
    let (report, _) =
        read_path(path, None, &|| {}).map_err(|flaw| WeightsError::File { path: path.to_owned(), flaw })?;
    Ok(report)
}

/// The backbone in the file at `path`, which must be `wanted` where that is given. `alive` is called at every piece.
pub(crate) fn read_path(
    path: &Path,
    wanted: Option<Architecture>,
    alive: &dyn Fn(),
) -> Result<(Report, Backbone), Flaw> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    read(file, bytes, wanted, alive)
}

/// The same of `bytes` bytes from anywhere.
pub(crate) fn read(
    mut file: impl Read + Seek,
    bytes: u64,
    wanted: Option<Architecture>,
    alive: &dyn Fn(),
) -> Result<(Report, Backbone), Flaw> {
    let (header, data_start) = read_header(&mut file, bytes)?;
    let architecture = recognise(&header)?;
    if let Some(want) = wanted.filter(|&want| want != architecture) {
        return Err(Flaw::OtherArchitecture { have: architecture, want });
    }
    // All of the header's promises are looked at before the first long read.
    let names = needed(architecture);
    let found = names.iter().map(|need| find(&header, architecture, need)).collect::<Result<Vec<_>, _>>()?;

    let mut tensors = Vec::with_capacity(found.len());
    let mut values = Vec::with_capacity(found.len());
    let mut hasher = Sha256::new();
    for (Need { name, shape }, (info, format)) in names.into_iter().zip(found) {
        alive();
        let (start, end) = info.data_offsets;
        let mut stored = vec![0; end - start];
        file.seek(SeekFrom::Start(data_start + start as u64))?;
        file.read_exact(&mut stored)?;
        hasher.update(format!("{name} {} {shape:?}\n", format.name()));
        hasher.update(&stored);
        let numbers = format.to_f32(&stored);
        if let Some(&value) = numbers.iter().find(|value| !value.is_finite()) {
            return Err(Flaw::NotFinite { name, value });
        }
        tensors.push(Tensor { name, shape, dtype: format.name() });
        values.push(numbers);
    }
    let hash = hex::encode(hasher.finalize());

    let mut values = values.into_iter();
    let mut next = || values.next().unwrap_or_default();
    let convolutions = architecture.convolutions().into_iter().map(|layer| Convolution {
        in_channels: layer.in_channels,
        out_channels: layer.out_channels,
        kernel: next(),
        bias: next(),
    });
    let backbone = Backbone { architecture, convolutions: convolutions.collect(), hash: hash.clone() };
    Ok((Report { architecture, tensors, hash, bytes }, backbone))
}

/// The header, and where the tensors' bytes start.
fn read_header(file: &mut impl Read, bytes: u64) -> Result<(Metadata, u64), Flaw> {
    const LENGTH_FIELD: u64 = 8;
    const LONGEST: u64 = 100_000_000;
    if bytes < LENGTH_FIELD {
        return Err(Flaw::NotSafetensors(format!("it has {bytes} bytes")));
    }
    let mut length = [0; LENGTH_FIELD as usize];
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST {
        return Err(Flaw::NotSafetensors(format!("its header would be {length} bytes long")));
    }
    let start = LENGTH_FIELD + length;
    if start > bytes {
        return Err(Flaw::NotSafetensors(format!("its header would end at byte {start}, and it has {bytes}")));
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header)?;
    // It has been made sure of that the tensors follow each other without a gap, each as long as its shape and type ask.
    let header: Metadata = serde_json::from_slice(&header).map_err(|error| Flaw::NotSafetensors(error.to_string()))?;
    let end = start.saturating_add(header.data_len() as u64);
    match bytes.cmp(&end) {
        Ordering::Less => Err(Flaw::Truncated { missing: end - bytes }),
        Ordering::Greater => Err(Flaw::TooLong { extra: bytes - end }),
        Ordering::Equal => Ok((header, start)),
    }
}

/// The network that fewest tensors are missing of.
fn recognise(header: &Metadata) -> Result<Architecture, Flaw> {
    let missing = |architecture: Architecture| {
        let needed = needed(architecture);
        let missing = needed.iter().filter(|need| header.info(&need.name).is_none()).count();
        (missing, missing == needed.len())
    };
    let nearest = Architecture::ALL.into_iter().min_by_key(|&architecture| missing(architecture).0);
    nearest.filter(|&architecture| !missing(architecture).1).ok_or(Flaw::NoVgg)
}

/// A tensor that the network cannot do without.
struct Need {
    name: String,
    shape: Vec<usize>,
}

/// Kernel and bias of each convolution in turn.
fn needed(architecture: Architecture) -> Vec<Need> {
    let both = architecture.convolutions().into_iter().flat_map(|layer| {
        let kernel = vec![layer.out_channels, layer.in_channels, 3, 3];
        [("weight", kernel), ("bias", vec![layer.out_channels])]
            .map(|(part, shape)| Need { name: format!("features.{}.{part}", layer.index), shape })
    });
    both.collect()
}

fn find<'a>(
    header: &'a Metadata,
    architecture: Architecture,
    need: &Need,
) -> Result<(&'a TensorInfo, NumberFormat), Flaw> {
    let name = || need.name.clone();
    let info = header.info(&need.name).ok_or_else(|| Flaw::MissingTensor { architecture, name: name() })?;
    if info.shape != need.shape {
        return Err(Flaw::WrongShape { name: name(), have: info.shape.clone(), want: need.shape.clone() });
    }
    let format = NumberFormat::of(info.dtype);
    let format = format.ok_or_else(|| Flaw::WrongType { name: name(), dtype: format!("{:?}", info.dtype) })?;
    Ok((info, format))
}

/// How numbers are stored, the low byte first.
#[derive(Clone, Copy)]
enum NumberFormat {
    F32,
    F16,
    Bf16,
}

impl NumberFormat {
    fn of(dtype: Dtype) -> Option<Self> {
        match dtype {
            Dtype::F32 => Some(Self::F32),
            Dtype::F16 => Some(Self::F16),
            Dtype::BF16 => Some(Self::Bf16),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    fn to_f32(self, stored: &[u8]) -> Vec<f32> {
        let pairs = || stored.as_chunks::<2>().0.iter();
        match self {
            Self::F32 => stored.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            Self::F16 => pairs().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect(),
            Self::Bf16 => pairs().map(|&bytes| bf16::from_le_bytes(bytes).to_f32()).collect(),
        }
    }
}
