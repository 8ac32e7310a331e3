use doorward::identity::Caller;

fn main() {
    let _caller = Caller {};
}
