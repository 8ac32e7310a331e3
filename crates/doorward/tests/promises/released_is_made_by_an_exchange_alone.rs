use doorward::exchange::Released;

fn forge() -> Released {
    Released { id: None, retry: None, content: Default::default() }
}

fn main() {}
