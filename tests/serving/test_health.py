"""Telling a hung engine from a busy and from an idle one."""

from fairlead_serving.health import Patience, ProgressWatch, Reading, Verdict

PATIENCE = Patience(stall_after_s=10, working_stall_after_s=300, slow_step_factor=3, limit_s=300)


class Scene:
    """An engine whose time passes at the test's command."""

    def __init__(self, patience: Patience = PATIENCE) -> None:
        self.now = 1000.0
        self.progress = 0
        self.pending = 1
        self.alive = True
        self.working = False
        self.watch = ProgressWatch(lambda: self.working, patience, clock=lambda: self.now)

    def look(self, after_s: float = 0.5) -> Verdict:
        self.now += after_s
        return self.watch.observe(Reading(alive=self.alive, pending=self.pending, progress=self.progress))

    def pause(self, seconds: float) -> set[Verdict]:
        """Stand still for a while, looked at twice a second."""
        return {self.look() for _ in range(int(2 * seconds))}

    def step(self) -> Verdict:
        self.progress += 1
        return self.look()


def test_a_dead_engine_is_found_at_the_first_look() -> None:
    """An engine that is not alive is dead, whatever else it says."""
    scene = Scene()
    scene.alive = False
    assert scene.look() is Verdict.DEAD


def test_an_engine_that_stands_still_with_work_is_hung() -> None:
    """With work pending and the counter still, an engine is hung shortly after the bound, not before."""
    scene = Scene()
    scene.step()
    assert scene.pause(10) == {Verdict.HEALTHY}
    assert scene.look() is Verdict.HUNG


def test_an_idle_engine_is_never_hung() -> None:
    """Without work, an engine may stand still for ever; its time starts when work comes."""
    scene = Scene()
    scene.pending = 0
    assert scene.pause(3600) == {Verdict.HEALTHY}
    scene.pending = 1
    assert scene.pause(9) == {Verdict.HEALTHY}
    assert Verdict.HUNG in scene.pause(2)


def test_a_busy_engine_is_never_hung() -> None:
    """Steps that take a few seconds each, for hours, cause no verdict."""
    scene = Scene()
    for _ in range(2000):
        assert scene.pause(4) == {Verdict.HEALTHY}
        assert scene.step() is Verdict.HEALTHY


def test_a_long_step_that_burns_processor_time_is_work() -> None:
    """The first step of a long prompt takes a minute of processor time and is not taken for a hang."""
    scene = Scene()
    scene.step()
    scene.working = True
    assert scene.pause(60) == {Verdict.HEALTHY}
    assert scene.step() is Verdict.HEALTHY


def test_even_work_without_progress_has_an_end() -> None:
    """An engine that burns processor time for ever without progress is hung after the longer bound."""
    scene = Scene()
    scene.working = True
    assert scene.pause(299) == {Verdict.HEALTHY}
    assert Verdict.HUNG in scene.pause(3)


def test_a_pause_that_ended_well_is_granted_again() -> None:
    """After a step of nine seconds, a step may take some multiple of it."""
    scene = Scene()
    scene.step()
    scene.pause(9)
    scene.step()
    assert scene.pause(25) == {Verdict.HEALTHY}
    assert Verdict.HUNG in scene.pause(5)


def test_an_old_pause_is_forgotten() -> None:
    """What was granted because of a slow step is not granted an hour later."""
    scene = Scene()
    scene.step()
    scene.pause(9)
    for _ in range(7200):
        scene.step()
    assert Verdict.HUNG in scene.pause(11)


def test_patience_can_be_changed_while_watching() -> None:
    """A shorter bound holds from the next look on."""
    scene = Scene()
    scene.step()
    scene.pause(6)
    scene.watch.patience = Patience(stall_after_s=5)
    assert scene.look() is Verdict.HUNG
