//! Generates the gRPC code from `proto/` without protoc, and the descriptor set that reflection, field masks and JSON use.

use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-env-changed=LIBSQLITE3_FLAGS");
    let sqlite = std::env::var("LIBSQLITE3_FLAGS").unwrap_or_default();
    if !sqlite.contains("SQLITE_ENABLE_DBPAGE_VTAB") {
        return Err(
            "erasure needs SQLite built with -DSQLITE_ENABLE_DBPAGE_VTAB: build inside this folder, whose \
                    .cargo/config.toml says so, or have it in LIBSQLITE3_FLAGS"
                .into(),
        );
    }
    let mut files: Vec<PathBuf> = std::fs::read_dir("proto/assay/v1")?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    let mut compiler = protox::Compiler::new(["proto"])?;
    // The comments are what OpenAPI describes fields with.
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    let to_generate = compiler.file_descriptor_set();
    // No message of ours names the details of errors: they are for whoever decodes an error by reflection.
    compiler.open_file("google/rpc/error_details.proto")?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    // Encoded by the compiler, since the types that the code generator takes know no options of others.
    std::fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;
    let mut names = tonic_prost_build::Config::new();
    names.enable_type_names();
    tonic_prost_build::configure()
        .btree_map(".")
        .extern_path(".google.rpc.Status", "::tonic_types::Status")
        .build_transport(true)
        .codec_path("crate::grpc::middleware::codec::BoundedCodec")
        .compile_fds_with_config(to_generate, names)?;
    assert!(Path::new(&out.join("assay.v1.rs")).exists());
    Ok(())
}
