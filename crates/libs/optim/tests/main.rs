//! Integration tests: argmin's executor, SciPy's results, invalid input, properties.

#[cfg(test)]
mod argmin_executor;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod problems;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod scipy;
