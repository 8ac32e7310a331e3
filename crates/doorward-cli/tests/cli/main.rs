//! The binary as people and scripts meet it: real processes, real sockets, their text and their exit codes.

#[cfg(test)]
mod check;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod help;
#[cfg(test)]
mod http;
#[cfg(test)]
mod process;
#[cfg(test)]
mod run;
#[cfg(test)]
mod token;
