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
    let mut coded = filtered.chunks_exact(stride + 1).peekable();
    let mut start = 0;
    while let Some(line) = coded.next() {
        let (done, rest) = rows.split_at_mut(start);
        let above = if start == 0 { &zeros[..] } else { &done[start - stride..] };
        let (row, rest) = rest.split_at_mut(stride);
        start += stride;
        let second = coded.peek().filter(|_| step == 1).copied().unwrap_or_default();
        let pair = (line[0], second.first().copied().unwrap_or_default());
        if let Some(undo) = undo_two(pair) {
            undo((row, &mut rest[..stride]), (&line[1..], &second[1..]), above);
            coded.next();
            start += stride;
        } else {
            undo_one((line[0], step), row, &line[1..], above)?;
        }
    }
    Ok(())
}

fn undo_one(
    (filter, step): (u8, usize),
    row: &mut [u8],
    coded: &[u8],
    above: &[u8],
) -> Result<(), UnknownFilter> {
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
    Ok(())
}

/// Two rows, what they are coded as, and the row above.
type UndoTwo = fn((&mut [u8], &mut [u8]), (&[u8], &[u8]), &[u8]);

/// How to undo two rows at once, for filters where that is faster: in a row of Paeth's filter
/// each byte waits for the one before, so the row below, one byte behind, costs nothing.
fn undo_two(filters: (u8, u8)) -> Option<UndoTwo> {
    match filters {
        (4, 4) => Some(undo_two_1::<4, 4>),
        (4, 1) => Some(undo_two_1::<4, 1>),
        (1, 4) => Some(undo_two_1::<1, 4>),
        _ => None,
    }
}

fn undo_two_1<const FIRST: u8, const SECOND: u8>(
    (first, second): (&mut [u8], &mut [u8]),
    (code, second_code): (&[u8], &[u8]),
    above: &[u8],
) {
    let last = first.len() - 1;
    let mut a = code[0].wrapping_add(predict::<FIRST>(0, above[0], 0));
    let mut c = above[0];
    first[0] = a;
    let (mut second_a, mut second_c) = (0, 0);
    let rows = first[1..].iter_mut().zip(&mut second[..last]);
    let codes = code[1..].iter().zip(&second_code[..last]);
    for (((byte, below), (&code, &second_code)), &b) in rows.zip(codes).zip(&above[1..]) {
        second_a = second_code.wrapping_add(predict::<SECOND>(second_a, a, second_c));
        second_c = a;
        *below = second_a;
        a = code.wrapping_add(predict::<FIRST>(a, b, c));
        c = b;
        *byte = a;
    }
    second[last] = second_code[last].wrapping_add(predict::<SECOND>(second_a, a, second_c));
}

fn predict<const FILTER: u8>(a: u8, b: u8, c: u8) -> u8 {
    if FILTER == 4 { paeth(a, b, c) } else { a }
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
    fn rows_in_pairs_are_what_they_are_one_by_one() {
        let noise = |place: usize| u8::try_from((place * place % 251) ^ (place % 7)).unwrap();
        for stride in [1, 2, 3, 64] {
            // All sequences of four filters.
            let digits = |n: u32| [1, 5, 25, 125].map(|unit| u8::try_from(n / unit % 5).unwrap());
            for filters in (0..5_u32.pow(4)).map(digits) {
                let line = |(row, filter): (usize, u8)| -> Vec<u8> {
                    let levels = (0..stride).map(move |x| noise(row * stride + x + 9));
                    std::iter::once(filter).chain(levels).collect()
                };
                let filtered: Vec<u8> = (0..).zip(filters).flat_map(line).collect();
                let mut rows = Vec::new();
                unfilter(&filtered, stride, 1, &mut rows).unwrap();
                let mut above = vec![0; stride];
                for (coded, row) in filtered.chunks_exact(stride + 1).zip(rows.chunks_exact(stride))
                {
                    let mut alone = vec![0; stride];
                    undo_one((coded[0], 1), &mut alone, &coded[1..], &above).unwrap();
                    assert_eq!(row, alone, "{filters:?}");
                    above = alone;
                }
            }
        }
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
