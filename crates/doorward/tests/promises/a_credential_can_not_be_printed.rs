use doorward::identity::Credential;

fn leak(credential: &Credential) -> String {
    format!("{credential}")
}

fn main() {}
