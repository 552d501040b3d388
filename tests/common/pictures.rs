//! Small pictures, drawn here.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};

/// A PNG with soft slopes of light and a dark disc, as photographs have them.
pub fn photograph(width: u32, height: u32) -> Vec<u8> {
    png(width, height, |x, y| {
        if (x - 0.6).hypot(y - 0.4) < 0.2 { [40, 30, 60] } else { [shade(x), shade(y), shade(1.0 - x * y)] }
    })
}

/// A PNG with broad slanting strokes in few colours, as paintings have them.
pub fn painting(width: u32, height: u32) -> Vec<u8> {
    const COLOURS: [[u8; 3]; 3] = [[200, 90, 30], [30, 70, 160], [230, 200, 90]];
    png(width, height, |x, y| COLOURS[((x + y * 0.6) * 9.0) as usize % COLOURS.len()])
}

fn png(width: u32, height: u32, colour: impl Fn(f64, f64) -> [u8; 3]) -> Vec<u8> {
    let part = |at: u32, of: u32| f64::from(at) / f64::from(of);
    let picture = RgbImage::from_fn(width, height, |x, y| Rgb(colour(part(x, width), part(y, height))));
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Png).expect("a small picture can be encoded");
    file.into_inner()
}

fn shade(light: f64) -> u8 {
    (light * 255.0) as u8
}
