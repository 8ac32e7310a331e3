use doorward::exchange::Released;

fn forge() -> Released {
    Released {}
}

fn main() {}
