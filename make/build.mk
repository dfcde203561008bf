# Programs, and what must hold before a commit.
#
# cargo's .d files name the exact sources of each program, so that editing one stage reruns that
# stage and what follows. `make touch` declares the results good when a change cannot matter.

programs := labels split train predict threshold ensemble submit score import report synth preprocess statistics
bins     := $(programs:%=$(bin)/hpa-%)
-include $(wildcard $(bins:=.d))

$(bins): $(bin)/%: Cargo.lock Cargo.toml rust-toolchain.toml
	$(info build  $*)
	$(Q)cargo build --release --locked --bin $*
	@touch $@

# A source that was removed must not stop Make: its program is built anew.
crates/%.rs: ;
crates/%.cu: ;
crates/%.cuh: ;

.PHONY: test check audit sanitize fuzz

# Tests see the same environment with and without Make around them.
test:
	env -u HPA_MAKE cargo test --release --workspace --locked

check:
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets --locked -- -D warnings
	$(MAKE) check-cuda
	$(MAKE) test
	$(MAKE) audit

audit:
	cargo test --release --locked --workspace --test supply_chain
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check; else echo 'cargo-deny is not installed:' \
	  'bans, licences and sources were checked by the test above, advisories were not'; fi

# AddressSanitizer is the compiler's own; RUSTC_BOOTSTRAP opens it on the stable toolchain.
sanitize:
	RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/sanitize \
	  cargo test --release --locked --target $(shell rustc -vV | sed -n 's/^host: //p') -p hpa-ops --lib --tests

# How long each reader is fuzzed.
FUZZ_SECONDS ?= 60
fuzz:
	@command -v $${CXX:-c++} >/dev/null || { echo 'error: libFuzzer needs a C++ compiler: install g++ or clang, or set CXX' >&2; exit 1; }
	@cargo fuzz --version >/dev/null 2>&1 || { echo 'cargo-fuzz is missing: installing it'; cargo install --locked cargo-fuzz; }
	@for target in $$(cargo fuzz list); do echo "fuzz $$target"; mkdir -p fuzz/target/corpus/$$target; \
	  cargo fuzz run --sanitizer none $$target fuzz/target/corpus/$$target fuzz/corpus/$$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 \
	    -verbosity=0 || exit 1; done
