//! Value parsers of numbers in a range.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A parser for `#[arg(value_parser = …)]` of whole numbers in a range.
pub fn in_range<T>(
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + PartialOrd + Display + Clone + Send + Sync + 'static,
{
    move |text| match text.parse::<T>() {
        Ok(value) if range.contains(&value) => Ok(value),
        Ok(_) => Err(format!("out of range: expected {} to {}", range.start(), range.end())),
        Err(_) => Err(format!(
            "not a whole number in range: expected {} to {}",
            range.start(),
            range.end()
        )),
    }
}

/// A parser for `#[arg(value_parser = …)]` of numbers in a range; NaN is refused.
pub fn in_range_f64(
    range: RangeInclusive<f64>,
) -> impl Fn(&str) -> Result<f64, String> + Clone + Send + Sync + 'static {
    move |text| match text.parse::<f64>() {
        Ok(value) if range.contains(&value) => Ok(value),
        Ok(_) => Err(format!("out of range: expected {} to {}", range.start(), range.end())),
        Err(_) => {
            Err(format!("not a number: expected one from {} to {}", range.start(), range.end()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_range() {
        assert_eq!(in_range(1..=4096_usize)("32"), Ok(32));
        let error = "out of range: expected 1 to 4096";
        assert_eq!(in_range(1..=4096_usize)("0"), Err(error.to_owned()));
        assert!(in_range(1..=4096_usize)("-3").unwrap_err().contains("1 to 4096"));
        assert!(in_range_f64(0.0..=1.0)("NaN").unwrap_err().contains("0 to 1"));
        assert!(in_range_f64(0.0..=1.0)("inf").is_err());
    }
}
