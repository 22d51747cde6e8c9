//! Gates over outputs. The only room that can make an `Approved` value, which publish asks for.
