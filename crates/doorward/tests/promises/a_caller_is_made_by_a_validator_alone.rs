use doorward::identity::Caller;

fn main() {
    let _caller = Caller { issuer: "https://issuer.example".into(), subject: "alice".into() };
}
