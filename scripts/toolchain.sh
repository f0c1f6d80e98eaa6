# Questions about the tools on this machine, answered without installing anything. Sourced by
# setup. guest-sdk/quickjs/artifact/build.rs looks in the same places when it builds the guest.

# Whether version $1 is $2 or newer.
at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# Every executable whose whole name matches the pattern $1, anywhere on PATH.
on_path() {
    local directory file
    local IFS=:
    for directory in $PATH; do
        for file in "$directory"/*; do
            if [[ ${file##*/} =~ ^$1$ ]] && [ -x "$file" ]; then printf '%s\n' "$file"; fi
        done
    done
}

# Whether rustc brings a standard library for wasm32.
has_wasm_std() {
    [ -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown/lib" ]
}

# Whether some rustc with a cargo beside it has the library's source, to build it from.
has_std_source() {
    local rustc
    while read -r rustc; do
        if [ -x "${rustc%/*}/cargo" ] &&
            [ -d "$("$rustc" --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library" ]; then
            return 0
        fi
    done < <(on_path 'rustc')
    return 1
}

# Folders in which a clang, llvm-ar and wasm-ld that belong together may lie.
llvm_folders() {
    local config
    printf '%s\n' "$PATH" | tr : '\n'
    while read -r config; do
        "$config" --bindir 2>/dev/null || true
    done < <(on_path 'llvm-config(-[0-9]+)?')
    for config in /opt/homebrew/opt/llvm/bin /usr/local/opt/llvm/bin /opt/homebrew/opt/lld/bin; do
        if [ -d "$config" ]; then printf '%s\n' "$config"; fi
    done
}

# Whether a clang that can produce wasm32, an archiver and a linker are there. Debian puts versioned
# names into the path (clang-22, wasm-ld-22) and unversioned ones into folders of their own.
has_wasm_clang() {
    local folder file clang=false ar=false ld=false
    while read -r folder; do
        for file in "$folder"/clang "$folder"/clang-[0-9]*; do
            if ! $clang && [[ ${file##*/} =~ ^clang(-[0-9]+)?$ ]] && [ -x "$file" ] &&
                [[ $("$file" --print-targets 2>/dev/null) == *wasm32* ]]; then
                clang=true
            fi
        done
        for file in "$folder"/llvm-ar "$folder"/llvm-ar-[0-9]*; do
            if [ -x "$file" ]; then ar=true; fi
        done
        for file in "$folder"/wasm-ld "$folder"/wasm-ld-[0-9]*; do
            if [ -x "$file" ]; then ld=true; fi
        done
    done < <(llvm_folders)
    $clang && $ar && $ld
}

# Whether there is a browser for the tests; CHROMIUM may name one.
has_chromium() {
    [ -n "${CHROMIUM:-}" ] || command -v chromium >/dev/null || command -v chromium-browser >/dev/null ||
        command -v google-chrome >/dev/null
}
