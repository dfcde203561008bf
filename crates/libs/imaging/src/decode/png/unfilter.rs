//! PNG row filters, undone.
//!
//! Each row of the inflated stream starts with its filter type; a filter predicts a byte from
//! its neighbours to the left (`a`), above (`b`) and above left (`c`). Rows of one byte per
//! pixel have code of their own, which keeps the neighbours in registers.
//! Source: Portable Network Graphics, third edition, section 9.

use crate::decode::error::PngError;

const NONE: u8 = 0;
const SUB: u8 = 1;
const UP: u8 = 2;
const AVERAGE: u8 = 3;
const PAETH: u8 = 4;

/// Unfilters rows of `1 + stride` bytes into rows of `stride`; `rows` is overwritten.
pub(super) fn unfilter(
    filtered: &[u8],
    stride: usize,
    bytes_per_pixel: usize,
    rows: &mut Vec<u8>,
) -> Result<(), PngError> {
    rows.resize(filtered.len() / (stride + 1) * stride, 0);
    let zeros = vec![0; stride];
    let mut lines = filtered.chunks_exact(stride + 1).map(|line| (line[0], &line[1..])).peekable();
    let mut start = 0;
    while let Some((filter, line)) = lines.next() {
        let (done, rest) = rows.split_at_mut(start);
        let above = if start == 0 { &zeros[..] } else { &done[start - stride..] };
        let (row, rest) = rest.split_at_mut(stride);
        start += stride;
        // In a Paeth row each byte depends on the one before; decoding the next row along with
        // it, one byte behind, hides that latency.
        let pair =
            lines.peek().filter(|_| bytes_per_pixel == 1).and_then(|&(next_filter, next)| {
                let unfilter_pair = match (filter, next_filter) {
                    (PAETH, PAETH) => unfilter_pair::<PAETH, PAETH>,
                    (PAETH, SUB) => unfilter_pair::<PAETH, SUB>,
                    (SUB, PAETH) => unfilter_pair::<SUB, PAETH>,
                    _ => return None,
                };
                Some((unfilter_pair, next))
            });
        if let Some((unfilter_pair, next)) = pair {
            unfilter_pair([row, &mut rest[..stride]], [line, next], above);
            lines.next();
            start += stride;
        } else {
            unfilter_row(filter, bytes_per_pixel, row, line, above)?;
        }
    }
    Ok(())
}

fn unfilter_row(
    filter: u8,
    bytes_per_pixel: usize,
    row: &mut [u8],
    line: &[u8],
    above: &[u8],
) -> Result<(), PngError> {
    match (filter, bytes_per_pixel) {
        (NONE, _) => row.copy_from_slice(line),
        (UP, _) => unfilter_bytes::<UP>(row, line, above),
        (SUB, 1) => unfilter_bytes::<SUB>(row, line, above),
        (AVERAGE, 1) => unfilter_bytes::<AVERAGE>(row, line, above),
        (PAETH, 1) => unfilter_bytes::<PAETH>(row, line, above),
        (SUB, _) => unfilter_pixels::<SUB>(bytes_per_pixel, row, line, above),
        (AVERAGE, _) => unfilter_pixels::<AVERAGE>(bytes_per_pixel, row, line, above),
        (PAETH, _) => unfilter_pixels::<PAETH>(bytes_per_pixel, row, line, above),
        (unknown, _) => return Err(PngError::FilterType(unknown)),
    }
    Ok(())
}

/// One row of one byte per pixel.
fn unfilter_bytes<const FILTER: u8>(row: &mut [u8], line: &[u8], above: &[u8]) {
    let (mut a, mut c) = (0, 0);
    for ((byte, &filtered), &b) in row.iter_mut().zip(line).zip(above) {
        a = filtered.wrapping_add(predict::<FILTER>(a, b, c));
        c = b;
        *byte = a;
    }
}

/// One row of several bytes per pixel.
fn unfilter_pixels<const FILTER: u8>(
    bytes_per_pixel: usize,
    row: &mut [u8],
    line: &[u8],
    above: &[u8],
) {
    for index in 0..row.len() {
        let left = index.checked_sub(bytes_per_pixel);
        let (a, c) = left.map_or((0, 0), |left| (row[left], above[left]));
        row[index] = line[index].wrapping_add(predict::<FILTER>(a, above[index], c));
    }
}

/// Two consecutive rows of one byte per pixel, the second one byte behind the first.
fn unfilter_pair<const FIRST: u8, const SECOND: u8>(
    [first, second]: [&mut [u8]; 2],
    [first_line, second_line]: [&[u8]; 2],
    above: &[u8],
) {
    let last = first.len() - 1;
    let mut a = first_line[0].wrapping_add(predict::<FIRST>(0, above[0], 0));
    let mut c = above[0];
    first[0] = a;
    let (mut second_a, mut second_c) = (0, 0);
    let rows = first[1..].iter_mut().zip(&mut second[..last]);
    let lines = first_line[1..].iter().zip(&second_line[..last]);
    for (((byte, second_byte), (&line, &second_line)), &b) in rows.zip(lines).zip(&above[1..]) {
        second_a = second_line.wrapping_add(predict::<SECOND>(second_a, a, second_c));
        second_c = a;
        *second_byte = second_a;
        a = line.wrapping_add(predict::<FIRST>(a, b, c));
        c = b;
        *byte = a;
    }
    second[last] = second_line[last].wrapping_add(predict::<SECOND>(second_a, a, second_c));
}

fn predict<const FILTER: u8>(a: u8, b: u8, c: u8) -> u8 {
    match FILTER {
        SUB => a,
        UP => b,
        AVERAGE => a.midpoint(b),
        _ => paeth(a, b, c),
    }
}

/// The neighbour nearest to `a + b - c`; ties go to `a`, then `b`.
///
/// Written with selects instead of branches, which noisy images would mispredict; the form is that of
/// `stb_image` 2.29.
fn paeth(a: u8, b: u8, c: u8) -> u8 {
    let limit = 3 * i16::from(c) - i16::from(a) - i16::from(b);
    let (low, high) = (a.min(b), a.max(b));
    let unless_high = if i16::from(high) <= limit { low } else { c };
    if limit <= i16::from(low) { high } else { unless_high }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_filter_is_undone_as_worked_out_by_hand() {
        let filtered = [0, 1, 2, 3, 1, 1, 1, 1, 2, 1, 1, 1, 3, 4, 4, 4, 4, 1, 1, 1];
        let mut rows = vec![9; 100];
        unfilter(&filtered, 3, 1, &mut rows).unwrap();
        // Row 3: 4 + 2/2, 4 + (5+3)/2, 4 + (8+4)/2; row 4 predicts 5, 8, 10.
        assert_eq!(rows, [1, 2, 3, 1, 2, 3, 2, 3, 4, 5, 8, 10, 6, 9, 11]);
    }

    #[test]
    fn pairs_of_rows_and_single_rows_agree_with_the_general_code() {
        let noise = |index: usize| u8::try_from((index * index % 251) ^ (index % 7)).unwrap();
        for stride in [1, 2, 3, 64] {
            // All sequences of four filters.
            let digits = |n: u32| [1, 5, 25, 125].map(|unit| u8::try_from(n / unit % 5).unwrap());
            for filters in (0..5_u32.pow(4)).map(digits) {
                let line = |(row, filter): (usize, u8)| -> Vec<u8> {
                    let bytes = (0..stride).map(move |x| noise(row * stride + x + 9));
                    std::iter::once(filter).chain(bytes).collect()
                };
                let filtered: Vec<u8> = (0..).zip(filters).flat_map(line).collect();
                let mut rows = Vec::new();
                unfilter(&filtered, stride, 1, &mut rows).unwrap();
                let mut above = vec![0; stride];
                for (line, row) in filtered.chunks_exact(stride + 1).zip(rows.chunks_exact(stride))
                {
                    let mut general = line[1..].to_vec();
                    match line[0] {
                        SUB => unfilter_pixels::<SUB>(1, &mut general, &line[1..], &above),
                        UP => unfilter_pixels::<UP>(1, &mut general, &line[1..], &above),
                        AVERAGE => unfilter_pixels::<AVERAGE>(1, &mut general, &line[1..], &above),
                        PAETH => unfilter_pixels::<PAETH>(1, &mut general, &line[1..], &above),
                        _ => {}
                    }
                    assert_eq!(row, general, "{filters:?}");
                    above = general;
                }
            }
        }
    }

    #[test]
    fn paeth_picks_the_neighbour_that_the_standard_names() {
        for (a, b, c) in (0..=255)
            .step_by(3)
            .flat_map(|a| (0..=255u8).flat_map(move |b| (0..=255u8).map(move |c| (a, b, c))))
        {
            let estimate = i16::from(a) + i16::from(b) - i16::from(c);
            // `min_by_key` returns the first of equals, as the standard asks.
            let nearest = [a, b, c].into_iter().min_by_key(|&v| (estimate - i16::from(v)).abs());
            assert_eq!(Some(paeth(a, b, c)), nearest, "{a} {b} {c}");
        }
    }

    #[test]
    fn filter_type_5_is_refused() {
        assert_eq!(unfilter(&[5, 0], 1, 1, &mut Vec::new()), Err(PngError::FilterType(5)));
    }
}
