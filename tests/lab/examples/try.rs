fn main() -> anyhow::Result<()> {
    let inst = karipass_lab::asterisk::Installation::find(std::path::Path::new("/tmp/pbxast"))?;
    let t = std::time::Instant::now();
    let mut a = karipass_lab::asterisk::Asterisk::start(
        &inst,
        karipass_lab::asterisk::Setup::new("/tmp/pbxtry")?.phones(["0612345600"]),
    )?;
    eprintln!("up in {:?} sip {} ari {}", t.elapsed(), a.sip(), a.ari_url());
    println!("{}", a.console("core show version")?);
    let mut l = String::new();
    std::io::stdin().read_line(&mut l)?;
    a.stop()?;
    Ok(())
}
