//! The grid as a picture: a panel per bottleneck and loss, goodput over round trip time.

use crate::grid::{Row, mean};
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};
use std::error::Error;
use std::path::Path;

const SIZE: (u32, u32) = (1_600, 800);
const SCTP: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const QUIC: RGBColor = RGBColor(0xff, 0x7f, 0x0e);
const RENO: RGBColor = RGBColor(0x99, 0x99, 0x99);

/// Draws all rows, which are in the order of bottleneck, loss and round trip time.
pub fn write(path: &Path, rows: &[Row]) -> Result<(), Box<dyn Error>> {
    register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT).map_err(|_| "no font")?;
    let root = BitMapBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let rows: Vec<_> =
        rows.chunk_by(|a, b| a.cell.bandwidth == b.cell.bandwidth && a.cell.loss == b.cell.loss).collect();
    for (panel, rows) in root.split_evenly((2, rows.len().div_ceil(2))).iter().zip(rows) {
        let (bandwidth, loss) = (rows[0].cell.bandwidth as f64 / 1e6, rows[0].cell.loss * 100.0);
        let last = rows.iter().map(|row| ms(row)).fold(1.0, f64::max);
        let mut chart = ChartBuilder::on(panel)
            .caption(format!("{bandwidth} Mbit/s, loss {loss} %"), ("sans-serif", 20))
            .margin(10)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(0.0..last, (0.1..1.3 * bandwidth).log_scale())?;
        chart
            .configure_mesh()
            .x_desc("round trip time, ms")
            .y_desc("goodput, Mbit/s")
            .light_line_style(WHITE)
            .draw()?;
        let reno = rows.iter().map(|row| (ms(row), 2.0 * row.cell.reno() / 1e6)).filter(|(_, rate)| *rate <= bandwidth);
        let sctp = rows.iter().map(|row| (ms(row), mean(&row.sctp, |outcome| outcome.total()) / 1e6));
        let quic = rows.iter().map(|row| (ms(row), mean(&row.quic, |outcome| outcome.total()) / 1e6));
        let series: [(&str, RGBColor, Vec<_>); 3] =
            [("2 × Reno", RENO, reno.collect()), ("QUIC", QUIC, quic.collect()), ("SCTP", SCTP, sctp.collect())];
        for (name, color, points) in series {
            let line = LineSeries::new(points, color.stroke_width(2)).point_size(4);
            chart
                .draw_series(line)?
                .label(name)
                .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 20, y)], color.stroke_width(2)));
        }
        chart.configure_series_labels().position(SeriesLabelPosition::LowerLeft).background_style(WHITE).draw()?;
    }
    root.present()?;
    Ok(())
}

fn ms(row: &Row) -> f64 {
    row.cell.rtt.as_secs_f64() * 1e3
}
