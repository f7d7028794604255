# Benchmarks: bench/run says what each of them is.

.PHONY: bench bench-plots
bench bench-plots: all
	@.ci/deps bench
	@LUA=$(LUA) BUILD=$(abspath $(BUILD)) CC="$(CC)" bench/run $(if $(filter bench-plots,$@),plots)

help::
	@echo 'bench           comparison with a bare loop and other clients (BENCH=, RUNS=, QUICK=1);'
	@echo '                bench-plots: curves'
