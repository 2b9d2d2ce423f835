//! A plot as SVG: one small panel for each curve, with its points and their values.

use std::fmt::Write as _;

/// One quantity.
pub struct Curve {
    pub title: &'static str,
    pub points: Vec<(f64, f64)>,
}

/// A panel's size, and the room for its texts.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 220.0;
const MARGIN: f64 = 44.0;

/// The curves over the same axis, two panels in a row.
pub fn plot(axis: &str, curves: &[Curve]) -> String {
    let mut panels = String::new();
    for (row, y) in curves.chunks(2).zip(0_u8..) {
        for (curve, x) in row.iter().zip(0_u8..) {
            let (x, y) = (f64::from(x) * WIDTH, f64::from(y) * HEIGHT);
            // Writing to a string cannot fail.
            let _ =
                writeln!(panels, "<g transform=\"translate({x} {y})\">{}</g>", panel(axis, curve));
        }
    }
    let (width, height) = (2.0 * WIDTH, HEIGHT * f64::from(u8::from(curves.len() > 2) + 1));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{panels}</svg>\n"
    )
}

fn panel(axis: &str, curve: &Curve) -> String {
    let largest = |value: fn(&(f64, f64)) -> f64| {
        curve.points.iter().map(value).fold(f64::MIN_POSITIVE, f64::max)
    };
    let (right, top) = (largest(|point| point.0), largest(|point| point.1));
    let place = |(x, y): (f64, f64)| {
        let x = MARGIN + x / right * (WIDTH - 2.0 * MARGIN);
        (x, HEIGHT - MARGIN - y / top * (HEIGHT - 2.0 * MARGIN))
    };
    let (left, bottom) = place((0.0, 0.0));
    let (end, _) = place((right, 0.0));
    let mut text = format!(
        "<text x=\"{left}\" y=\"20\">{}</text>\
         <path d=\"M{left} {MARGIN} V{bottom} H{end}\" fill=\"none\" stroke=\"#555\"/>\
         <text x=\"{end}\" y=\"{}\" text-anchor=\"end\">{axis}</text>",
        curve.title,
        HEIGHT - 8.0
    );
    let (mut line, mut marks) = (String::new(), String::new());
    for (x, y) in &curve.points {
        let (at, up) = place((*x, *y));
        let _ = write!(line, "{at:.1},{up:.1} ");
        let _ = write!(
            marks,
            "<circle cx=\"{at:.1}\" cy=\"{up:.1}\" r=\"2.5\" fill=\"#0017c1\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{y:.1}</text>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{x}</text>",
            up - 6.0,
            bottom + 14.0
        );
    }
    let _ = write!(text, "<polyline points=\"{line}\" fill=\"none\" stroke=\"#0017c1\"/>{marks}");
    text
}
