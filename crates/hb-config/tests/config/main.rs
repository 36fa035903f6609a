//! Black-box tests of the crate on a machine that is made up: the vectors of 3.0.6, rendered text, examples, limits.

#[cfg(test)]
mod codes;
#[cfg(test)]
mod convert;
#[cfg(test)]
mod cross_file;
#[cfg(test)]
mod differences;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod fake_host;
#[cfg(test)]
mod fencing;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod meaning;
#[cfg(test)]
mod real_host;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod vectors;
