# The same verbs as `python3 run.py`, for fingers that type make. Arguments: make test ARGS=--fast
VERBS = demo setup test campaign fmt lint types layers cov snapshots docs bench package

.DEFAULT_GOAL = demo
.PHONY: $(VERBS)

$(VERBS):
	@python3 run.py $@ $(ARGS)
