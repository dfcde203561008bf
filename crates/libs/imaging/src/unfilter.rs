//! The five row filters of PNG, undone.
//!
//! Each row of the inflated stream starts with its filter's number; a filter predicts a
//! byte from its neighbours to the left (`a`), above (`b`) and above left (`c`).
//! Source: Portable Network Graphics, third edition, section 9.

/// A row whose filter's number is above 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnknownFilter(pub(crate) u8);

/// Undoes the filters of `filtered`, rows of `1 + stride` bytes, into rows of `stride`.
///
/// `step` is the distance in bytes to the neighbour on the left; what `rows` held is lost.
pub(crate) fn unfilter(
    filtered: &[u8],
    stride: usize,
    step: usize,
    rows: &mut Vec<u8>,
) -> Result<(), UnknownFilter> {
    rows.resize(filtered.len() / (stride + 1) * stride, 0);
    let zeros = vec![0; stride];
    for (index, coded) in filtered.chunks_exact(stride + 1).enumerate() {
        let (done, rest) = rows.split_at_mut(index * stride);
        let above = if index == 0 { &zeros[..] } else { &done[(index - 1) * stride..] };
        let row = &mut rest[..stride];
        let (&filter, coded) = coded.split_first().expect("a row has its filter in front");
        match (filter, step) {
            (0, _) => row.copy_from_slice(coded),
            (1, 1) => undo_left_1(row, coded),
            (2, _) => undo_above(row, coded, above),
            (3, 1) => undo_average_1(row, coded, above),
            (4, 1) => undo_paeth_1(row, coded, above),
            (1 | 3 | 4, _) => {
                row.copy_from_slice(coded);
                match filter {
                    1 => undo_left(row, step),
                    3 => undo_average(row, above, step),
                    _ => undo_paeth(row, above, step),
                }
            }
            (unknown, _) => return Err(UnknownFilter(unknown)),
        }
    }
    Ok(())
}

// The common case of one byte a pixel reads the coded row and keeps the neighbours in
// registers; the general one works in place.

fn undo_left_1(row: &mut [u8], coded: &[u8]) {
    let mut left = 0u8;
    for (byte, &code) in row.iter_mut().zip(coded) {
        left = left.wrapping_add(code);
        *byte = left;
    }
}

fn undo_left(row: &mut [u8], step: usize) {
    for index in step..row.len() {
        row[index] = row[index].wrapping_add(row[index - step]);
    }
}

fn undo_above(row: &mut [u8], coded: &[u8], above: &[u8]) {
    for ((byte, &code), &b) in row.iter_mut().zip(coded).zip(above) {
        *byte = code.wrapping_add(b);
    }
}

fn undo_average_1(row: &mut [u8], coded: &[u8], above: &[u8]) {
    let mut left = 0u8;
    for ((byte, &code), &b) in row.iter_mut().zip(coded).zip(above) {
        left = code.wrapping_add(left.midpoint(b));
        *byte = left;
    }
}

fn undo_average(row: &mut [u8], above: &[u8], step: usize) {
    for index in 0..row.len() {
        let left = if index < step { 0 } else { row[index - step] };
        row[index] = row[index].wrapping_add(left.midpoint(above[index]));
    }
}

fn undo_paeth_1(row: &mut [u8], coded: &[u8], above: &[u8]) {
    let (mut a, mut c) = (0, 0);
    for ((byte, &code), &b) in row.iter_mut().zip(coded).zip(above) {
        a = code.wrapping_add(paeth(a, b, c));
        c = b;
        *byte = a;
    }
}

fn undo_paeth(row: &mut [u8], above: &[u8], step: usize) {
    for index in 0..row.len() {
        let (a, c) = if index < step { (0, 0) } else { (row[index - step], above[index - step]) };
        row[index] = row[index].wrapping_add(paeth(a, above[index], c));
    }
}

/// The neighbour nearest to `a + b - c`; ties go to `a`, then `b`.
///
/// Written with selections in place of branches, which noise would mispredict; the form is
/// that of `stb_image` 2.29.
fn paeth(a: u8, b: u8, c: u8) -> u8 {
    let (wide_a, wide_b, wide_c) = (i16::from(a), i16::from(b), i16::from(c));
    let limit = 3 * wide_c - wide_a - wide_b;
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
    fn both_forms_of_a_filter_agree() {
        let above: Vec<u8> = (0..=255).map(|v: u8| v.wrapping_mul(97)).collect();
        let coded: Vec<u8> = (0..=255).map(|v: u8| v.wrapping_mul(31)).collect();
        let (mut fast, mut plain) = (vec![0; 256], coded.clone());
        undo_paeth_1(&mut fast, &coded, &above);
        undo_paeth(&mut plain, &above, 1);
        assert_eq!(fast, plain);
        plain.clone_from(&coded);
        undo_average_1(&mut fast, &coded, &above);
        undo_average(&mut plain, &above, 1);
        assert_eq!(fast, plain);
        plain.clone_from(&coded);
        undo_left_1(&mut fast, &coded);
        undo_left(&mut plain, 1);
        assert_eq!(fast, plain);
    }

    #[test]
    fn the_neighbour_is_the_one_that_the_standard_names() {
        for (a, b, c) in (0..=255)
            .step_by(3)
            .flat_map(|a| (0..=255u8).flat_map(move |b| (0..=255u8).map(move |c| (a, b, c))))
        {
            let guess = i16::from(a) + i16::from(b) - i16::from(c);
            // The first of equals is taken, as the standard asks.
            let nearest = [a, b, c].into_iter().min_by_key(|&v| (guess - i16::from(v)).abs());
            assert_eq!(Some(paeth(a, b, c)), nearest, "{a} {b} {c}");
        }
    }

    #[test]
    fn a_sixth_filter_is_refused() {
        assert_eq!(unfilter(&[5, 0], 1, 1, &mut Vec::new()), Err(UnknownFilter(5)));
    }
}
