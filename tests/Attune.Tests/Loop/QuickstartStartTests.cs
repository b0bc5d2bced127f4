using Attune.Loop;
using Attune.Runs;

namespace Attune.Tests.Loop;

public sealed class QuickstartStartTests(TinyQuickstart tiny) : IClassFixture<TinyQuickstart>
{
    private string Refusal(string name, QuickstartStart? start = null, QuickstartPlan? plan = null)
    {
        var before = Seen(tiny.At(name));
        var message = Assert.Throws<InputException>(() => tiny.Run(name, start, plan)).Message;
        Assert.Equal(before, Seen(tiny.At(name)));
        return message.Replace(tiny.At("") + "/", "");
    }

    /// <summary>Every file with its time, or "nothing".</summary>
    private static string[] Seen(string folder) => !Directory.Exists(folder) ? ["nothing"]
        : [.. Directory.EnumerateFileSystemEntries(folder, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 }).Order().Select(path => $"{path} {File.GetLastWriteTimeUtc(path).Ticks}")];

    [Fact]
    public void A_finished_one_is_not_begun_again_by_accident() => Assert.Equal(
        "straight has 1 problem\n  holds a finished quick start of one round, expected an empty folder; continue it with --resume, repeat a part with --from STAGE, begin anew with --force, or choose another --out",
        Refusal("straight"));

    [Fact]
    public void One_that_stopped_says_where()
    {
        var folder = new QuickstartFolder(tiny.Copy("stopped"));
        folder.Forget(QuickstartStage.Reward, 1);

        Assert.Contains("holds a quick start that stopped in round 1 before the end of \"Reward model\", expected an empty folder; continue it with --resume", Refusal("stopped"));
        Assert.Contains("stopped in round 1", Refusal("stopped", new() { Folder = "", Rounds = 2 })); // there is no finished round to add one to
    }

    [Fact]
    public void Another_plan_in_the_same_folder_is_refused_by_the_key_that_differs()
    {
        var resume = new QuickstartStart { Folder = "", Resume = true };

        Assert.Equal("straight/quickstart.yaml has 1 problem\n  seed  is 7, expected 1, as when the run began; set it back, or begin anew with another --out",
            Refusal("straight", resume, TinyQuickstart.Plan with { Seed = 7 }));
        Assert.Contains("\n  leash  is false, expected true", Refusal("straight", resume with { Resume = false, From = QuickstartStage.Ppo }, TinyQuickstart.Plan with { Leash = false }));
        Assert.Contains("\n  ppo.steps  is 9, expected 4", Refusal("straight", resume with { Rounds = 2 }, TinyQuickstart.Plan with { Ppo = TinyQuickstart.Plan.Ppo with { Steps = 9 } }));
    }

    [Fact]
    public void A_folder_with_other_files_or_without_a_quick_start_is_left_alone()
    {
        Directory.CreateDirectory(tiny.At("thesis"));
        File.WriteAllText(tiny.At("thesis/chapter-1.tex"), "years");

        Assert.Equal("thesis has 1 problem\n  holds files that are not a quick start's, expected an empty folder; choose another --out", Refusal("thesis"));
        Assert.Contains("holds files that are not a quick start's", Refusal("thesis", new() { Folder = "", Force = true }));
        Assert.Equal("nothing-there has 1 problem\n  holds no quick start, expected one to go on with; leave out --resume and --from to begin one there", Refusal("nothing-there", new() { Folder = "", Resume = true }));
        Assert.Contains("--rounds has 1 problem\n  is 0, expected at least 1", Refusal("nothing-there", new() { Folder = "", Rounds = 0 }));
    }

    [Fact]
    public void Force_begins_anew_and_deletes_nothing_but_the_quick_start()
    {
        var folder = tiny.Copy("forced");
        File.WriteAllText(Path.Combine(folder, "notes.txt"), "mine");
        Directory.CreateDirectory(Path.Combine(folder, "round-2/ppo"));

        tiny.Run("forced", new() { Folder = "", Force = true });

        Assert.Equal(["notes.txt"], tiny.Differences("straight", "forced"));
    }

    [Fact]
    public void A_folder_in_use_is_refused()
    {
        using var first = new QuickstartStart { Folder = tiny.At("shared") }.Open(TinyQuickstart.Plan, tiny.Files, SilentProgress.Instance);

        Assert.Equal("shared has 1 problem\n  is in use by another process, expected a folder for this run alone; wait until the other run ends, or choose another --out", Refusal("shared"));
    }

    [Fact]
    public void All_that_is_missing_of_the_programs_own_files_is_named_before_anything_is_written()
    {
        using var home = new TinyHome(Repository.Root);
        Directory.Delete(home.Files.BaseModel, recursive: true);
        File.Delete(home.Files.HeldOutPrompts);

        var message = Assert.Throws<InputException>(() => new QuickstartStart { Folder = home.At("run") }.Open(TinyQuickstart.Plan, home.Files, SilentProgress.Instance)).Message;

        Assert.Matches($"""
            ^Attune's own files has 2 problems
              {home.Files.BaseModel} +does not exist, expected a file or folder that comes with Attune; restore it: git checkout, or unpack the program again
              {home.Files.HeldOutPrompts}  does not exist, expected a file or folder that comes with Attune; restore it: git checkout, or unpack the program again$
            """, message);
        Assert.False(Directory.Exists(home.At("run")));
    }

    [Fact]
    public void What_only_the_last_stage_would_stumble_over_is_found_before_the_first()
    {
        using var home = new TinyHome(Repository.Root);
        File.WriteAllLines(home.Files.HeldOutPrompts, ["A film about", "The cast of"]);
        var demonstrations = File.ReadLines(home.Files.Demonstrations).Count();
        File.AppendAllText(home.Files.Demonstrations, "{\"prompt\": \"The film\"}\n");
        File.AppendAllText(Path.Combine(home.Files.Words, "valence.tsv"), "lovely\tmuch\n");
        using (var weights = File.OpenWrite(Path.Combine(home.Files.BaseModel, "model.safetensors")))
            weights.SetLength(weights.Length - 5);

        var problems = Assert.Throws<InputException>(() => new QuickstartStart { Folder = home.At("run") }.Open(TinyQuickstart.Plan, home.Files, SilentProgress.Instance)).Problems;

        Assert.Equal(4, problems.Count);
        Assert.Contains(problems, problem => problem.Key.Contains("valence.tsv"));
        Assert.Contains(problems, problem => problem.Key.Contains($"demonstrations.jsonl line {demonstrations + 1}"));
        Assert.Contains(problems, problem => problem.Key.Contains("model.safetensors"));
        Assert.Contains(problems, problem => problem.Key == home.Files.HeldOutPrompts && problem.Message == "has 2 prompts, expected at least the 6 of this budget; restore it, or take a smaller --budget");
        Assert.False(Directory.Exists(home.At("run")));
    }

    [Fact]
    public void Too_little_memory_or_disk_is_said_before_starting()
    {
        var start = new QuickstartStart { Folder = tiny.At("large") };

        var message = Assert.Throws<InputException>(() => start.Open(TinyQuickstart.Plan, tiny.Files, SilentProgress.Instance, new MemoryBudget(Available: 200L << 20, Limit: 1L << 30))).Message;
        var disk = Assert.Throws<InputException>(() => new QuickstartStart { Folder = tiny.At("large"), Rounds = 2_000_000_000 }.Open(TinyQuickstart.Plan, tiny.Files, SilentProgress.Instance)).Message;

        Assert.Matches(@"^The quick start has 1 problem\n  memory  needs about \d{3} MiB of memory, expected at most the 200 MiB available; end other programs, or free some of the container's$", message);
        Assert.Matches(@"^The quick start has 1 problem\n  .*large  has \S+ .iB free, expected \S+ .iB for models and checkpoints; free some or choose another --out$", disk);
        Assert.False(Directory.Exists(tiny.At("large")));
    }
}
