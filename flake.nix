{
  description = "Verify what an OpenClaw installation would run";

  # nixos-unstable of 29 June 2026; flake.lock has its digest.
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/b5aa0fbd538984f6e3d201be0005b4463d8b09f8";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      each = make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
      version = (builtins.fromTOML (builtins.readFile ./Cargo.toml)).workspace.package.version;
    in
    {
      packages = each (pkgs: {
        default = pkgs.rustPlatform.buildRustPackage {
          pname = "openclaw-verify";
          inherit version;
          src = self;
          cargoLock.lockFile = ./Cargo.lock;
          cargoBuildFlags = [
            "--package"
            "openclaw-verify"
          ];
          nativeBuildInputs = [
            pkgs.cmake
            pkgs.installShellFiles
          ];
          # Its tests need git, ssh-keygen and a git repository around them; they ran before the release.
          doCheck = false;
          postInstall = ''
            installShellCompletion --cmd openclaw-verify \
              --bash <($out/bin/openclaw-verify completions bash) \
              --zsh <($out/bin/openclaw-verify completions zsh) \
              --fish <($out/bin/openclaw-verify completions fish)
          '';
          meta = {
            description = "Verify what an OpenClaw installation would run";
            homepage = "https://github.com/openclaw/openclaw-verify";
            license = [
              pkgs.lib.licenses.mit
              pkgs.lib.licenses.asl20
            ];
            mainProgram = "openclaw-verify";
          };
        };
      });

      apps = each (pkgs: {
        default = {
          type = "app";
          program = "${self.packages.${pkgs.stdenv.hostPlatform.system}.default}/bin/openclaw-verify";
        };
      });
    };
}
