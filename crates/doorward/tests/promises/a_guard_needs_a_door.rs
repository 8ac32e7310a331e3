fn main() {
    let _guard = doorward::GuardBuilder::new().build();
}
