//! The messages and clients of `contracts/arbiter.proto`.

pub mod proto {
    tonic::include_proto!("arbiter");
}
