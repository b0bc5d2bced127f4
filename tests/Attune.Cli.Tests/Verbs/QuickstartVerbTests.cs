using Attune.Evaluation;
using Attune.Loop;
using Attune.Runs;
using Attune.Tests.Loop;

namespace Attune.Cli.Tests.Verbs;

public sealed class QuickstartVerbTests(SmallQuickstart small) : IClassFixture<SmallQuickstart>
{
    [Fact]
    public async Task It_tells_the_plan_then_each_stage_then_the_result_and_where_the_report_is()
    {
        var printed = small.Printed;

        Assert.Equal((0, ""), (printed.ExitCode, printed.ExitCode == 0 ? "" : printed.Log));
        Assert.StartsWith("Quick start, budget small, seed 1\n  Supervised fine-tuning  0.25 passes over the demonstrations, batches of 16\n", printed.Log);
        Assert.Equal(["1/6", "2/6", "3/6", "4/6", "5/6", "6/6"], printed.Log.Split('\n').Where(line => line.Length > 3 && line[1..3] == "/6").Select(line => line[..3]));
        Assert.EndsWith($"\nThe report, with answers to read: {small.Straight}/round-1/evaluation/report.html\n", printed.Log);
        Assert.StartsWith("\nPPO preferred over SFT on ", printed.Result);
        Assert.Contains("distinct-2", printed.Result);

        var again = await small.Run(small.Line("straight", "--resume", "--json"));
        var report = ReportFile.Parse(await File.ReadAllTextAsync(Path.Combine(small.Straight, "round-1/evaluation/report.json")));
        Assert.Equal((0, ResultFile.Json(report) + "\n"), (again.ExitCode, again.Result));
        Assert.DoesNotContain("done in", again.Log);
    }

    [Fact]
    public async Task Killed_in_several_stages_and_resumed_it_ends_as_if_nothing_had_happened()
    {
        var folder = new QuickstartFolder(small.At("killed"));
        (string What, Func<ProgramProcess, Task> Wait)[] moments =
        [
            ("fine-tuning", program => program.Reach(3, folder.Sft)),
            ("PPO", program => program.Reach(2, folder.Ppo(1))),
            ("the evaluation", program => program.Until(() => Directory.Exists(folder.Evaluation(1)) && Directory.EnumerateFiles(folder.Evaluation(1)).Any(file => new FileInfo(file).Length > 0), "answers")),
        ];
        foreach (var (what, wait) in moments)
        {
            using var program = ProgramProcess.StartAt(small.Home, small.Line("killed", what == "fine-tuning" ? [] : ["--resume"]));
            await wait(program);
            program.Kill();
            Assert.False(folder.IsDone(QuickstartStage.Evaluate, 1), $"it ended before it could be killed in {what}");
        }

        var resumed = await small.Run(small.Line("killed", "--resume"));

        Assert.Equal((0, small.Printed.Result), (resumed.ExitCode, resumed.Result));
        Assert.Empty(small.Differences("straight", "killed"));
    }

    [Fact]
    public async Task Interrupted_it_names_the_command_that_goes_on_without_what_would_delete_again()
    {
        var folder = new QuickstartFolder(small.At("interrupted"));
        using (var program = ProgramProcess.StartAt(small.Home, small.Line("interrupted", "--force")))
        {
            await program.Reach(2, folder.Ppo(1));
            program.Interrupt();
            var printed = await program.End();
            Assert.Equal((130, ""), (printed.ExitCode, printed.Result));
            Assert.EndsWith($"\nStopped. Continue with: attune {string.Join(' ', small.Line("interrupted", "--resume"))}\n", printed.Log);
        }
        Assert.NotNull(Checkpoints.Latest(folder.Ppo(1)));

        using (var program = ProgramProcess.StartAt(small.Home, small.Line("interrupted", "--from", "reward")))
        {
            await program.Until(() => File.Exists(Run.RecipePath(folder.Reward(1))) && !Directory.Exists(folder.Ppo(1)), "reward training");
            program.Interrupt();
            Assert.EndsWith($"attune {string.Join(' ', small.Line("interrupted", "--resume"))}\n", (await program.End()).Log);
        }

        Assert.Equal(0, (await small.Run(small.Line("interrupted", "--resume"))).ExitCode);
        Assert.Empty(small.Differences("straight", "interrupted"));
    }

    [Theory]
    [InlineData("sft", "sft")]
    [InlineData("reward", "round-1/reward")]
    [InlineData("ppo", "round-1/ppo")]
    public async Task A_stages_recipe_can_be_run_as_it_stands_and_gives_the_same_model(string verb, string stage)
    {
        var printed = await small.Run(verb, Path.Combine(small.Straight, stage, "recipe.yaml"), "--out", small.At($"repeated-{verb}"));

        Assert.Equal((0, ""), (printed.ExitCode, printed.ExitCode == 0 ? "" : printed.Log));
        foreach (var file in new[] { "model/model.safetensors", "result.json" })
            Assert.Equal(SmallQuickstart.Hash(Path.Combine(small.Straight, stage, file)), SmallQuickstart.Hash(Path.Combine(small.At($"repeated-{verb}"), file)));
    }

    [Fact]
    public async Task A_second_run_or_another_plan_is_refused_and_changes_nothing()
    {
        var before = small.Left("straight");

        var second = await small.Run(small.Line("straight"));
        var seed = await small.Run(small.Line("straight", "--resume", "--seed", "2"));
        var leash = await small.Run(small.Line("straight", "--from", "ppo", "--no-kl"));

        Assert.Equal([2, 2, 2], new[] { second.ExitCode, seed.ExitCode, leash.ExitCode });
        Assert.EndsWith($"{small.Straight} has 1 problem\n  holds a finished quick start of one round, expected an empty folder; " +
            "continue it with --resume, repeat a part with --from STAGE, begin anew with --force, or choose another --out\n", second.Log);
        Assert.EndsWith("  seed  is 2, expected 1, as when the run began; set it back, or begin anew with another --out\n", seed.Log);
        Assert.Contains("\n  leash ", leash.Log);
        Assert.Equal(before, small.Left("straight"));
    }

    [Fact]
    public async Task A_dry_run_prints_the_plan_and_writes_nothing()
    {
        var text = await Printed.By("quickstart", "--dry-run", "--rounds", "2", "--no-kl", "--seed", "5", "--out", small.At("dry"));
        var json = await Printed.By("quickstart", "--dry-run", "--json", "--out", small.At("dry"));

        Assert.Equal((0, ""), (text.ExitCode, text.Log));
        Assert.StartsWith("Quick start, budget standard, seed 5, without a KL penalty\n", text.Result);
        Assert.Equal(7, text.Result.TrimEnd().Split('\n').Length);
        Assert.Equal((0, ""), (json.ExitCode, json.Log));
        Assert.Equal(QuickstartPlan.Of(Budget.Standard).Prompts, System.Text.Json.JsonDocument.Parse(json.Result).RootElement.GetProperty("prompts").GetInt32());
        Assert.False(Directory.Exists(small.At("dry")));
        Assert.Matches(@"--no-kl\s+No price for distance from the supervised model, and no bonus for variety", (await Printed.By("quickstart", "--help")).Result);
    }

    [Fact]
    public async Task Values_that_make_no_sense_exit_with_2()
    {
        var rounds = await Printed.By("quickstart", "--rounds", "0", "--out", small.At("none"));
        var budget = await Printed.By("quickstart", "--budget", "huge");
        var stage = await Printed.By("quickstart", "--from", "train");

        Assert.Equal([2, 2, 2], new[] { rounds.ExitCode, budget.ExitCode, stage.ExitCode });
        Assert.EndsWith("--rounds has 1 problem\n  is 0, expected at least 1; 2 goes round once more with answers of the improved policy\n", rounds.Log);
        Assert.Equal("attune quickstart has 1 problem\n  --budget  is huge, expected small, standard or large; see attune quickstart --help\n", budget.Log);
        Assert.Equal("attune quickstart has 1 problem\n  --from  is train, expected sft, compare, judge, reward, ppo or evaluate; see attune quickstart --help\n", stage.Log);
        Assert.False(Directory.Exists(small.At("none")));
    }

    [Fact]
    public async Task Without_its_own_files_it_says_what_is_missing()
    {
        using var home = new TinyHome(Attune.Tests.Repository.Root);
        Directory.Delete(home.Files.BaseModel, recursive: true);
        using var program = ProgramProcess.StartAt(home.Root, "quickstart", "--out", home.At("run"));

        var printed = await program.End();

        Assert.Equal((2, ""), (printed.ExitCode, printed.Result));
        Assert.EndsWith($"Attune's own files has 1 problem\n  {home.Files.BaseModel}  does not exist, expected a file or folder that comes with Attune; restore it: git checkout, or unpack the program again\n", printed.Log);
        Assert.False(Directory.Exists(home.At("run")));
    }

    [SmallDiskFact]
    public async Task A_disk_without_room_is_refused_before_anything_is_written()
    {
        using var disk = new SmallDisk("1m");

        var printed = await small.Run("quickstart", "--budget", "small", "--out", Path.Combine(disk.Folder, "run"));

        Assert.Equal(2, printed.ExitCode);
        Assert.Matches(@"The quick start has 1 problem\n  .*/run  has 1\.00 MiB free, expected \S+ MiB for models and checkpoints; free some or choose another --out\n$", printed.Log);
        Assert.Empty(Directory.GetFileSystemEntries(disk.Folder));
    }

    [UnprivilegedFact]
    public void A_folder_that_may_not_be_written_is_refused()
    {
        var locked = Directory.CreateDirectory(small.At("locked")).FullName;
        SmallDisk.Outcome("chmod", "-R", "a+rX", small.Home);
        using var program = new ReadableProgram();

        var (code, result, log) = program.AsNobody(small.Home, small.Line("locked/run"));

        Assert.Equal((2, ""), (code, result));
        Assert.EndsWith($"{locked}/run has 1 problem\n  cannot be written: user nobody may not write there, expected a place that this user may write; choose another --out or change its permissions\n", log);
        Assert.Empty(Directory.GetFileSystemEntries(locked));
    }

    [Fact]
    public void Without_libtorch_it_says_so_and_writes_nothing()
    {
        var program = Path.Combine(AppContext.BaseDirectory, "Attune.Cli.dll");

        var (code, result, log) = SmallDisk.Outcome("env", ["ATTUNE_BRIDGE=/nowhere/libattune_torch.so", $"ATTUNE_HOME={small.Home}", "dotnet", program, .. small.Line("without")]);

        Assert.Equal((2, ""), (code, result));
        Assert.Contains("ATTUNE_BRIDGE is /nowhere/libattune_torch.so, which is no file, expected the bridge to libtorch", log);
        Assert.False(Directory.Exists(small.At("without")));
    }
}
