//! The binary as people and scripts meet it: real processes, real sockets, their text and their exit codes.

mod check;
mod demo;
mod help;
mod http;
mod process;
mod run;
mod token;
