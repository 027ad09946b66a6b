fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=../../contracts/arbiter.proto");
    tonic_build::configure()
        .build_server(false)
        .compile_protos(&["../../contracts/arbiter.proto"], &["../../contracts"])?;
    Ok(())
}
