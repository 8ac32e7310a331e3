use doorward::policy::{Anonymous, Principal};

fn main() {
    let _principal = Principal::Anonymous(Anonymous(()));
}
