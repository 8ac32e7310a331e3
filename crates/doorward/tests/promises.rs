//! What may never happen does not compile. Each file in `promises/` tries one thing and must fail with the message
//! beside it; the texts of rustc change with its version, so only what is tried is fixed here.

#[test]
fn what_may_never_happen_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/promises/*.rs");
}
