//! Who is calling? The rules, family by family, with the ids of the attack catalogue.

#![expect(clippy::string_slice, reason = "the tokens that the tests cut are ASCII")]

#[cfg(test)]
mod algorithms;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod form;
#[cfg(test)]
mod incidents;
#[cfg(test)]
mod issuers;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod mapping;
#[cfg(test)]
mod own_tokens;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod rfc_vectors;
#[cfg(test)]
mod support;
#[cfg(test)]
mod wycheproof;
