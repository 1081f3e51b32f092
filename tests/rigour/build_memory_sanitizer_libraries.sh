#!/usr/bin/env bash
# The libraries that the memory sanitizer must see into, compiled by it, static, from the distribution's sources:   tests/rigour/build_memory_sanitizer_libraries.sh DEST
# What a library writes that is not compiled by it counts as never written, so that all are here that compute or write for us: libc++ and libc++abi (of the compiler's own version; libstdc++
# cannot be built so), GMP, MPFR, MPFI, FLINT, Arb, PCRE2, ICU's common part, fmt; spdlog and toml++ are used as headers, for their .so stand on libstdc++. OpenSSL is not: openssl_unseen.c is for it.
# They go to DEST/include and DEST/lib, each once (its .a is there: done); DEST/src has the sources and what was said (NAME.log). A folder DEST/src/PACKAGE-VERSION is taken in place of
# a source that cannot be fetched. CLANG names the compiler, JOBS how many at a time. About half an hour on two cores; it fetches 170 MB.
# Exit code 77: a tool is not there, or the list of sources (deb-src).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dest=${1:?the folder to install into}
mkdir -p "$dest/src"
dest=$(cd "$dest" && pwd -P)
export CXX=${CLANG:-$(command -v clang++ || compgen -c clang++- | sort -V | tail -1 || true)}
[[ -n $CXX ]] || { echo "no clang++"; exit 77; }
export CC=${CXX/clang++/clang}
jobs=${JOBS:-2}
for tool in apt-get dpkg-source make m4 autoreconf libtoolize cmake ninja; do
  command -v "$tool" > /dev/null || { echo "$tool is not there (apt-get install dpkg-dev make m4 autoconf automake libtool cmake ninja-build)"; exit 77; }
done
llvm=llvm-toolchain-$("$CXX" -dumpversion | cut -d. -f1)
[[ -n $(apt-cache showsrc "$llvm" 2> /dev/null) ]] || { echo "the sources of $llvm are not listed (deb-src in /etc/apt/sources.list.d, then apt-get update)"; exit 77; }
lines="-gline-tables-only -fno-omit-frame-pointer"  # reports name functions and lines
flags="-O2 -fsanitize=memory $lines"
cxx_flags="$flags -nostdinc++ -isystem $dest/include/c++/v1"

# enter_source PACKAGE: into the folder of its source, fetched where it is not there.
enter_source() {
  cd "$dest/src"
  if ! compgen -G "$1-[0-9]*/" > /dev/null && ! apt-get source -qq "$1" >&2; then
    # A mirror may have lost the distribution's changes to it and not the original, which will do (apt has checked its digest).
    local original
    original=$(compgen -G "$1_*.orig.tar.[gx]z")
    mkdir "$1-0"
    tar -xf "$original" -C "$1-0" --strip-components=1
  fi
  local folder
  folder=$(compgen -G "$1-[0-9]*/")
  cd "$(head -1 <<< "$folder")"
}
# once NAME COMMAND...: makes lib/libNAME.a, if it is not there.
once() {
  local name=$1 begin=$SECONDS
  [[ ! -f $dest/lib/lib$name.a ]] || return 0
  # In a shell of its own: `set -e` does not hold in a function that is followed by ||.
  (set +e; (set -e; "${@:2}") > "$dest/src/$name.log" 2>&1) && [[ -f $dest/lib/lib$name.a ]] || { tail -20 "$dest/src/$name.log" >&2; echo "lib$name.a was not made ($dest/src/$name.log)" >&2; exit 1; }
  echo "lib$name.a: $((SECONDS - begin)) s"
}

runtimes() {
  cd "$dest/src"
  compgen -G "${llvm}_*.orig.tar.xz" > /dev/null || apt-get source --download-only -qq "$llvm"
  mkdir -p llvm
  # A hundredth of it.
  tar -xJf "${llvm}"_*.orig.tar.xz -C llvm --strip-components=1 --wildcards --exclude '*/test' '*/runtimes' '*/libcxx' '*/libcxxabi' '*/cmake' '*/llvm/utils/llvm-lit' '*/llvm/utils/lit'
  cmake -S llvm/runtimes -B llvm/build -G Ninja -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS="-O2 $lines" -DCMAKE_INSTALL_PREFIX="$dest" -DCMAKE_INSTALL_MESSAGE=NEVER \
    -DLLVM_ENABLE_RUNTIMES="libcxx;libcxxabi" -DLLVM_USE_SANITIZER=Memory -DLLVM_INCLUDE_TESTS=OFF -DLIBCXX_INCLUDE_TESTS=OFF -DLIBCXXABI_INCLUDE_TESTS=OFF -DLIBCXX_INCLUDE_BENCHMARKS=OFF \
    -DLIBCXX_ENABLE_SHARED=OFF -DLIBCXXABI_ENABLE_SHARED=OFF -DLIBCXX_ENABLE_STATIC_ABI_LIBRARY=ON -DLIBCXXABI_USE_LLVM_UNWINDER=OFF
  cmake --build llvm/build --parallel "$jobs" --target install-cxx install-cxxabi
}
# configured PACKAGE FOLDERS ARGUMENTS...: the libraries in FOLDERS of its source, without tests, documents and tools.
configured() {
  enter_source "$1"
  local folders=$2
  [[ ! -d source ]] || cd source
  [[ -f configure ]] || autoreconf -fi
  # The distribution leaves documents out of some sources, which their configure scripts ask for.
  [[ -f doc/Makefile.in ]] || { mkdir -p doc && echo 'all install: ;' > doc/Makefile.in; }
  ./configure --prefix="$dest" --disable-shared --enable-static CFLAGS="$flags" "${@:3}"
  mkdir -p lib  # ICU's parts do not make it, where they are made one by one
  for folder in $folders; do
    make -C "$folder" -j"$jobs"
    make -C "$folder" install
  done
}
icu() {
  configured icu common --disable-tests --disable-samples --disable-extras CXXFLAGS="$cxx_flags" LDFLAGS="-stdlib=libc++ -L$dest/lib"
  make config/icu-uc.pc
  cp config/icu-uc.pc "$dest/lib/pkgconfig/"
}
# FLINT's and Arb's configure is a script of their own.
configured_by_hand() {
  enter_source "$1"
  ./configure --prefix="$dest" --disable-shared --with-gmp="$dest" --with-mpfr="$dest" "${@:2}" CC="$CC" CXX="$CXX" CFLAGS="$flags"
}
flint() {
  configured_by_hand flint
  # Half of it, polynomials in many variables and finite fields, is not asked for by Arb or by us.
  local folders
  folders=$(sed -n '/^BUILD_DIRS = /,/[^\\]$/p' Makefile | tr -d '\\\n' | sed 's/.*=//; s/\$(.*//' | tr -s ' ' '\n' | grep -vE '^(fq|padic|qadic|n_poly|.*mpoly)')
  make -j"$jobs" library BUILD_DIRS="${folders//$'\n'/ }"
  make install BUILD_DIRS="${folders//$'\n'/ }"
  cp ./*.h "$dest/include/flint/"
}
arb() {
  configured_by_hand flint-arb --with-flint="$dest"
  make -j"$jobs" library
  make install
  cp "$dest/lib/libarb.a" "$dest/lib/libflint-arb.a"  # the distribution's name for it, which is looked for first
}
fmt() {
  enter_source fmtlib
  "$CXX" -std=c++20 $cxx_flags -Iinclude -c src/format.cc -o "$dest/src/fmt.o"
  rm -f "$dest/lib/libfmt.a"
  ar rcs "$dest/lib/libfmt.a" "$dest/src/fmt.o"
}
openssl_unseen() {
  "$CC" $flags -c "$here/openssl_unseen.c" -o "$dest/src/openssl_unseen.o"
  ar rcs "$dest/lib/libopenssl_unseen.a" "$dest/src/openssl_unseen.o"
}

once c++ runtimes
once gmp configured gmp . --disable-assembly  # what assembler code writes is not seen
once mpfr configured mpfr4 . --with-gmp="$dest"
once mpfi configured mpfi src --with-gmp="$dest" --with-mpfr="$dest"
once flint flint flint
once flint-arb arb
once pcre2-8 configured pcre2 .
once icuuc icu
once fmt fmt
once openssl_unseen openssl_unseen

# What find_package finds in place of the distribution's.
mkdir -p "$dest"/lib/cmake/{fmt,spdlog,tomlplusplus}
cat > "$dest/lib/cmake/fmt/fmt-config.cmake" << 'END'
add_library(fmt::fmt STATIC IMPORTED)
set_target_properties(fmt::fmt PROPERTIES IMPORTED_LOCATION "${CMAKE_CURRENT_LIST_DIR}/../../libfmt.a")
END
cat > "$dest/lib/cmake/spdlog/spdlog-config.cmake" << 'END'
add_library(spdlog::spdlog INTERFACE IMPORTED)
target_compile_definitions(spdlog::spdlog INTERFACE SPDLOG_FMT_EXTERNAL)
target_link_libraries(spdlog::spdlog INTERFACE fmt::fmt)
END
echo 'add_library(tomlplusplus::tomlplusplus INTERFACE IMPORTED)' > "$dest/lib/cmake/tomlplusplus/tomlplusplus-config.cmake"
