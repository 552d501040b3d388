//! The instructions on any x86-64 CPU under Linux: where there is no AMX they are illegal, and the signal that says so is
//! answered by doing what Intel's manual says they do.

use std::{
    cell::UnsafeCell,
    sync::{
        Once,
        atomic::{AtomicUsize, Ordering},
    },
};

use half::bf16;

use super::Amx;
use crate::{Activations, Form, Forward, Gates, Halves, Kernels, LANES, Pooling, Shape, tiles::Tiles};

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Tile([[u8; 64]; 16]);

struct State {
    configured: bool,
    tiles: [Tile; 8],
}

thread_local! {
    static STATE: UnsafeCell<State> =
        const { UnsafeCell::new(State { configured: false, tiles: [Tile([[0; 64]; 16]); 8] }) };
}
static ANSWERED: AtomicUsize = AtomicUsize::new(0);

/// The general registers in the order of their numbers in instructions.
const REGISTERS: [libc::c_int; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

/// AMX, whether the CPU has it or not.
fn amx() -> Amx {
    static INSTALLED: Once = Once::new();
    Amx::detect().unwrap_or_else(|| {
        INSTALLED.call_once(|| {
            // SAFETY: the action is whole, and the handler touches nothing but its own thread's state and the registers.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = on_illegal_instruction as *const () as usize;
                action.sa_flags = libc::SA_SIGINFO;
                assert_eq!(libc::sigaction(libc::SIGILL, &action, std::ptr::null_mut()), 0);
            }
        });
        Amx(())
    })
}

extern "C" fn on_illegal_instruction(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel hands over the context of the instruction, whose bytes can be read: they were just fetched.
    unsafe {
        let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        let at = registers[libc::REG_RIP as usize] as *const u8;
        let state = STATE.with(UnsafeCell::get);
        match Instruction::decode(at, registers) {
            Some((instruction, length)) => {
                instruction.run(&mut *state);
                registers[libc::REG_RIP as usize] += length as i64;
                ANSWERED.fetch_add(1, Ordering::Relaxed);
            }
            // Somebody else's: it is met again, and ends the process.
            None => drop(libc::signal(libc::SIGILL, libc::SIG_DFL)),
        }
    }
}

enum Instruction {
    Configure(*const [u8; 64]),
    Release,
    Load { tile: usize, from: *const u8, stride: isize },
    Store { tile: usize, to: *mut u8, stride: isize },
    Multiply { c: usize, a: usize, b: usize },
}

impl Instruction {
    /// The instruction and its length. All of them have a VEX prefix of three bytes and are in the map 0F 38.
    unsafe fn decode(at: *const u8, registers: &[i64; 23]) -> Option<(Self, usize)> {
        // SAFETY: no more is read than the instruction has bytes, as the caller promises.
        let byte = |place: usize| unsafe { *at.add(place) };
        if byte(0) != 0xc4 || byte(1) & 0x1f != 2 {
            return None;
        }
        let (extension, prefix, second_source) = (!byte(1) >> 5, byte(2) & 3, usize::from(!byte(2) >> 3 & 15));
        let (opcode, form) = (byte(3), byte(4));
        let (reg, rm) = (usize::from(form >> 3 & 7), usize::from(form & 7));
        match (opcode, prefix, form >> 6) {
            (0x49, 0, 3) => return Some((Self::Release, 5)),
            (0x5c, 2, 3) => return Some((Self::Multiply { c: reg, a: rm, b: second_source }, 5)),
            _ => {}
        }
        let register = |number: usize| registers[REGISTERS[number] as usize] as isize;
        let (mut address, mut stride, mut length) = (0, 0, 5);
        let (mut base, extended_base) = (rm, usize::from(extension & 1) << 3);
        if rm == 4 {
            let sib = byte(5);
            base = usize::from(sib & 7);
            let index = usize::from(sib >> 3 & 7) | usize::from(extension >> 1 & 1) << 3;
            stride = if index == 4 { 0 } else { register(index) << (sib >> 6) };
            length = 6;
        }
        let displacement = match (form >> 6, base) {
            (0, 5) => return None,
            (0, _) => 0,
            (1, _) => isize::from(byte(length) as i8),
            _ => (0..4).rev().fold(0i32, |number, place| number << 8 | i32::from(byte(length + place))) as isize,
        };
        length += [0, 1, 4][usize::from(form >> 6)];
        address += register(base | extended_base) + displacement;
        let instruction = match (opcode, prefix) {
            (0x49, 0) => Self::Configure(address as *const _),
            (0x4b, 3) => Self::Load { tile: reg, from: address as *const _, stride },
            (0x4b, 2) => Self::Store { tile: reg, to: address as *mut _, stride },
            _ => return None,
        };
        Some((instruction, length))
    }

    unsafe fn run(self, state: &mut State) {
        // SAFETY: the program asked for these very places to be read and written.
        unsafe {
            match self {
                Self::Configure(from) => {
                    let bytes = &*from;
                    // Palette 1, eight tiles of 16 rows of 64 bytes: what all else here takes for granted.
                    let rows = bytes[48..56].iter().all(|rows| *rows == 16);
                    let widths = bytes[16..32].chunks(2).all(|width| width == [64, 0]);
                    state.configured = bytes[0] == 1 && rows && widths;
                    state.tiles = [Tile([[0; 64]; 16]); 8];
                }
                Self::Release => state.configured = false,
                _ if !state.configured => libc::abort(),
                Self::Load { tile, from, stride } => {
                    for (row, bytes) in state.tiles[tile].0.iter_mut().enumerate() {
                        *bytes = *from.offset(row as isize * stride).cast();
                    }
                }
                Self::Store { tile, to, stride } => {
                    for (row, bytes) in state.tiles[tile].0.iter().enumerate() {
                        *to.offset(row as isize * stride).cast() = *bytes;
                    }
                }
                Self::Multiply { c, a, b } => {
                    let (a, b) = (state.tiles[a], state.tiles[b]);
                    for (sums, a) in state.tiles[c].0.iter_mut().zip(&a.0) {
                        add_row(sums, a, &b);
                    }
                }
            }
        }
    }
}

/// TDPBF16PS for one row of C and A.
fn add_row(sums: &mut [u8; 64], a: &[u8; 64], b: &Tile) {
    let number = |bytes: &[u8], place: usize| bf16::from_le_bytes([bytes[2 * place], bytes[2 * place + 1]]).to_f32();
    for (column, sum) in sums.chunks_exact_mut(4).enumerate() {
        let (mut even, mut odd) = (0f32, 0f32);
        for (pair, b) in b.0.iter().enumerate() {
            even += number(a, 2 * pair) * number(b, 2 * column);
            odd += number(a, 2 * pair + 1) * number(b, 2 * column + 1);
        }
        let before = f32::from_le_bytes([sum[0], sum[1], sum[2], sum[3]]);
        sum.copy_from_slice(&(before + (even + odd)).to_le_bytes());
    }
}

/// Features, the next layer's input, a Gram matrix and a product with it.
fn outputs(kernels: &Tiles, (inn, out): (usize, usize), (height, width): (usize, usize)) -> [Vec<f32>; 4] {
    let noise = |count: usize| -> Vec<f32> { (0..count).map(|n| (n * 7919 % 1009) as f32 / 500.0 - 1.0).collect() };
    let shape = Shape { channels: inn, height, width };
    let (output, convolution) =
        (shape.with_channels(out), Tiles::convolution(inn, out, &noise(9 * inn * out), &noise(out)));
    let mut features: Activations<Halves> = Activations::zeros(output);
    let mut next = Activations::zeros(output.pooled());
    let forward = Forward {
        features: Some(&mut features),
        features_rectified: false,
        next: Some(&mut next),
        pooling: Some(Pooling::Maximum),
        gates: &mut Gates::new(output, Some(Pooling::Maximum)),
    };
    kernels.forward(&convolution, &Activations::from_planes(shape, &noise(inn * height * width)), false, forward);
    let gram = kernels.gram(&features);
    let mut mixed = Activations::zeros(output);
    kernels.mix(&gram, Some(&noise(out)), &features, &mut mixed);
    [features.to_planes(), next.to_planes(), gram.to_rows(), mixed.to_planes()]
}

#[test]
fn amx_computes_the_same_bits_as_vectors() {
    let (by_amx, by_vectors) = (Tiles { amx: Some(amx()), ..Tiles::best() }, Tiles::emulated(Form::best()));
    for channels in [(3, 16), (40, 20), (64, 70)] {
        for size in [(2, 2), (5, 4), (7, 2 * LANES + 3)] {
            let (have, want) = (outputs(&by_amx, channels, size), outputs(&by_vectors, channels, size));
            assert!(have == want, "{channels:?} channels at {size:?}");
        }
    }
    assert!(Amx::detect().is_some() || ANSWERED.load(Ordering::Relaxed) > 1000);
}
