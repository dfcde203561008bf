//! The solvers from outside: against SciPy, in argmin's frame, on hostile input, at random.

#[cfg(test)]
mod argmin_frame;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod problems;
#[cfg(test)]
mod properties;
