//! Says how long each word is.

fn main() {
    for word in std::env::args().skip(1) {
        println!("{word}: {}", word.chars().count());
    }
}
