# Benchmarks: bench/run says what each of them is.

.PHONY: bench bench-plots gate
bench bench-plots: all
	@.ci/deps bench
	@LUA=$(LUA) BUILD=$(abspath $(BUILD)) CC="$(CC)" bench/run $(if $(filter bench-plots,$@),plots)

# Instructions and system calls of this client against the committed numbers.
gate: all
	@.ci/deps gate
	@LUA=$(LUA) BUILD=$(abspath $(BUILD)) CC="$(CC)" bench/run gate

help::
	@echo 'bench           comparison with a bare loop and other clients (BENCH=, RUNS=, QUICK=1);'
	@echo '                bench-plots: curves'
	@echo 'gate            instructions and system calls, at most 3% over the committed numbers'
