using System.Text.RegularExpressions;
using Attune.Runs;

namespace Attune.Cli.Tests.Verbs;

/// <summary>What docs/errors.md lists, through every verb with a recipe: three parts, the exit code, nothing half-written.</summary>
public sealed class BadInputTests : IDisposable
{
    private readonly TinyRecipes _tiny = new();

    public void Dispose() => _tiny.Dispose();

    public static TheoryData<string> Verbs => [.. TinyRecipes.Verbs];

    public static TheoryData<string> VerbsWithModel => [.. TinyRecipes.Verbs[1..]];

    public static TheoryData<string> VerbsWithCheckpoints => [.. TinyRecipes.Verbs[..^1]];

    /// <summary>Exit code 2, every problem in three parts, no folder.</summary>
    private void AssertRefused(Printed printed, string said)
    {
        Assert.True((printed.ExitCode, printed.Result) == (2, "") && printed.Log.Contains(said), $"exit code {printed.ExitCode}: {printed.Log}");
        var lines = printed.Log.TrimEnd().Split('\n').SkipWhile(line => !Regex.IsMatch(line, " has \\d+ problems?$")).ToArray();
        Assert.True(lines.Length > 1, printed.Log);
        Assert.All(lines[1..], line => Assert.Matches("^  .+, expected .+; .+$", line));
        Assert.False(Directory.Exists(_tiny.At("run")));
    }

    [Theory]
    [MemberData(nameof(VerbsWithModel))]
    public async Task A_model_that_is_missing_or_cut_off_is_refused(string verb)
    {
        var (folder, weights) = (_tiny.ModelOf(verb), Path.Combine(_tiny.ModelOf(verb), "model.safetensors"));

        using (var file = File.OpenWrite(weights))
            file.SetLength(file.Length - 1);
        AssertRefused(await _tiny.Run(verb), "the file was cut off");
        Directory.Delete(folder, recursive: true);
        AssertRefused(await _tiny.Run(verb), folder);
    }

    [Theory]
    [MemberData(nameof(VerbsWithModel))]
    public async Task A_tokenizer_of_another_size_than_the_model_is_refused(string verb)
    {
        var other = TinyTextModel.Write(_tiny.At("smaller"), vocabulary: 260);
        File.Copy(Path.Combine(other, "tokenizer.json"), Path.Combine(_tiny.ModelOf(verb), "tokenizer.json"), overwrite: true);

        AssertRefused(await _tiny.Run(verb), "has 260 pieces, expected the ");
    }

    [Theory]
    [MemberData(nameof(Verbs))]
    public async Task Data_that_is_missing_empty_or_malformed_is_refused(string verb)
    {
        var data = _tiny.DataOf(verb);

        File.AppendAllText(data, "\n");
        using (var file = new FileStream(data, FileMode.Append))
            file.Write([0x7B, 0xFF, 0xFE, 0x0A]);
        AssertRefused(await _tiny.Run(verb), $"{data} line ");
        File.WriteAllText(data, "");
        AssertRefused(await _tiny.Run(verb), "");
        File.Delete(data);
        AssertRefused(await _tiny.Run(verb), data);
    }

    [Theory]
    [MemberData(nameof(Verbs))]
    public async Task Unknown_keys_and_values_out_of_range_are_all_named_at_once(string verb)
    {
        var (key, value, said) = verb switch
        {
            "reward" => ("reward.batchSize", "0", "is 0, expected at least 1"),
            "ppo" => ("ppo.clipRange", "2", "is 2, expected between 0 and 1"),
            "evaluate" => ("evaluate.budget.prompts", "0", "is 0, expected at least"),
            _ => ($"{verb}.batch", "0", "is 0, expected at least 1"),
        };

        var printed = await _tiny.Run(verb, $"--{key}", value, "--compute.devise", "cpu");

        Assert.Equal((2, ""), (printed.ExitCode, printed.Result));
        Assert.Contains($"{_tiny.RecipeOf(verb)} has 2 problems\n", printed.Log);
        Assert.Contains(said, printed.Log);
        Assert.Contains("did you mean compute.device?", printed.Log);
        Assert.False(Directory.Exists(_tiny.At("run")));
    }

    [SmallDiskTheory]
    [MemberData(nameof(Verbs))]
    public async Task A_disk_that_is_full_from_the_start_is_refused(string verb)
    {
        using var disk = new SmallDisk("4k");
        File.WriteAllBytes(Path.Combine(disk.Folder, "filler"), new byte[4096]);

        var printed = await _tiny.RunTo(Path.Combine(disk.Folder, "run"), verb);

        AssertRefused(printed, $"{disk.Folder}/run has 1 problem\n  cannot be written: the disk is full (0 B free), expected more free space; free some or choose another --out\n");
        Assert.DoesNotContain(Directory.EnumerateFiles(disk.Folder, "*", SearchOption.AllDirectories), file => Path.GetFileName(file) != "filler");
    }

    [SmallDiskTheory]
    [MemberData(nameof(VerbsWithCheckpoints))]
    public async Task A_disk_that_fills_up_within_a_checkpoint_leaves_the_older_ones_whole(string verb)
    {
        using var disk = new SmallDisk(verb == "ppo" ? "4m" : "2m"); // some checkpoints' worth
        string[] keep = ["--run.checkpointEvery", "1", "--run.keepLast", "100"];
        var folder = Path.Combine(disk.Folder, "run");

        var printed = await _tiny.RunTo(folder, verb, keep);

        Assert.True((printed.ExitCode, printed.Result) == (1, ""), $"exit code {printed.ExitCode}: {printed.Log}");
        Assert.Matches($@"{Regex.Escape(folder)}/\S+ could not be written: the disk is full \(.+ free\), expected more free space; free some or choose another --out, then continue with --resume\n$", printed.Log);
        var saved = Checkpoints.Of(folder);
        Assert.NotEmpty(saved);
        const int NumberText = 64; // a header says its numbers as text, in more digits or fewer
        Assert.All(saved.Skip(1), checkpoint => Assert.Equal(Sizes(saved[0].Folder), Sizes(checkpoint.Folder), (one, other) => one.Item1 == other.Item1 && Math.Abs(one.Item2 - other.Item2) <= NumberText));
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(folder, "*", SearchOption.AllDirectories), path => path.Contains(".attune-tmp-"));

        // with room again it goes on, to the same end
        foreach (var checkpoint in saved.SkipLast(1))
            Directory.Delete(checkpoint.Folder, recursive: true);
        var resumed = await _tiny.RunTo(folder, verb, "--resume", "--run.checkpointEvery", "1", "--run.keepLast", "1");
        var straight = await _tiny.Run(verb, keep);
        Assert.Equal((0, 0), (resumed.ExitCode, straight.ExitCode));
        Assert.Equal(straight.Result, resumed.Result);
    }

    [SmallDiskFact]
    public async Task A_tokenizer_or_a_project_that_finds_no_room_says_so()
    {
        using var disk = new SmallDisk("4k");
        File.WriteAllBytes(Path.Combine(disk.Folder, "filler"), new byte[4096]);

        var tokenizer = await Printed.By("tokenizer", "train", _tiny.At("corpus.txt"), "--vocabulary", "270", "--out", Path.Combine(disk.Folder, "run"));
        var project = await Printed.By("init", Path.Combine(disk.Folder, "run"), "--base", _tiny.At("model"));

        foreach (var printed in new[] { tokenizer, project })
            AssertRefused(printed, $"{disk.Folder}/run has 1 problem\n  cannot be written: the disk is full (0 B free), expected more free space");
        Assert.DoesNotContain(Directory.EnumerateFiles(disk.Folder, "*", SearchOption.AllDirectories), file => Path.GetFileName(file) != "filler");
    }

    [SmallDiskFact]
    public async Task A_disk_that_fills_up_within_a_project_keeps_nothing_of_it()
    {
        using var disk = new SmallDisk("24k");
        var there = Directory.CreateDirectory(Path.Combine(disk.Folder, "there")).FullName;

        foreach (var folder in new[] { Path.Combine(disk.Folder, "new"), there })
        {
            var printed = await Printed.By("init", folder, "--base", _tiny.At("model"));

            Assert.True((printed.ExitCode, printed.Result) == (1, ""), $"exit code {printed.ExitCode}: {printed.Log}");
            Assert.Matches(@" could not be written: the disk is full \(.+ free\), expected more free space; free some or choose another --out, then start again\n$", printed.Log);
        }

        Assert.Equal([there], Directory.GetFileSystemEntries(disk.Folder, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Texts_that_cannot_be_read_make_no_folder_for_pairs()
    {
        var printed = await Printed.By("data", "pairs", "--better", _tiny.At("no-good.txt"), "--worse", _tiny.At("no-bad.txt"), "--out", _tiny.At("pairs"));

        Assert.Equal(2, printed.ExitCode);
        Assert.False(Directory.Exists(_tiny.At("pairs")));
    }

    /// <summary>The names and sizes of a checkpoint's files.</summary>
    private static IEnumerable<(string, long)> Sizes(string folder) =>
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(file => (Path.GetRelativePath(folder, file), new FileInfo(file).Length)).Order();

    [SmallDiskFact]
    public async Task A_disk_that_fills_up_within_an_evaluation_says_so_and_leaves_no_report()
    {
        using var disk = new SmallDisk("24k");
        var folder = Path.Combine(disk.Folder, "run");

        var printed = await _tiny.RunTo(folder, "evaluate");

        Assert.True((printed.ExitCode, printed.Result) == (1, ""), $"exit code {printed.ExitCode}: {printed.Log}");
        Assert.True(printed.Log.Contains("then continue with --resume\n"), printed.Log);
        Assert.False(File.Exists(Path.Combine(folder, "report.json")));
    }

    [Theory]
    [MemberData(nameof(Verbs))]
    public async Task Without_libtorch_it_says_so_and_writes_nothing(string verb)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "Attune.Cli.dll");

        var (code, result, log) = await Task.Run(() => SmallDisk.Outcome("env", "ATTUNE_BRIDGE=/nowhere/libattune_torch.so", "dotnet", program, verb, _tiny.RecipeOf(verb), "--out", _tiny.At("run")));

        Assert.Equal((2, ""), (code, result));
        Assert.Contains("ATTUNE_BRIDGE is /nowhere/libattune_torch.so, which is no file, expected the bridge to libtorch, libattune_torch.so; start Attune through ./attune", log);
        Assert.False(Directory.Exists(_tiny.At("run")));
    }

    [UnprivilegedFact]
    public void A_folder_that_may_not_be_written_is_refused()
    {
        var locked = Directory.CreateDirectory(_tiny.At("locked")).FullName;
        SmallDisk.Outcome("chmod", "-R", "a+rX", _tiny.Folder);
        using var program = new ReadableProgram();
        foreach (var verb in TinyRecipes.Verbs)
        {
            var (code, result, log) = program.AsNobody(_tiny.Folder, verb, _tiny.RecipeOf(verb), "--out", Path.Combine(locked, verb));

            Assert.Equal($"{locked}/{verb} has 1 problem\n  cannot be written: user nobody may not write there, expected a place that this user may write; choose another --out or change its permissions\n", log);
            Assert.Equal((2, ""), (code, result));
        }
        Assert.Empty(Directory.GetFileSystemEntries(locked));
    }

    [UnprivilegedFact]
    public void What_this_user_may_not_read_is_refused()
    {
        var hidden = Directory.CreateDirectory(_tiny.At("hidden")).FullName;
        SmallDisk.Outcome("cp", "-R", Attune.Tests.Repository.PathOf("data"), _tiny.At("data"));
        Directory.CreateDirectory(_tiny.At("models"));
        SmallDisk.Outcome("cp", "-R", _tiny.At("model"), _tiny.At("models/base"));
        SmallDisk.Outcome("chmod", "-R", "a+rX", _tiny.Folder);
        SmallDisk.Outcome("chmod", "0700", hidden);
        SmallDisk.Outcome("chmod", "0600", _tiny.At("words.tsv"));
        using var program = new ReadableProgram();
        const string Why = "cannot be opened: user nobody may not read it, expected a file or folder that this user may read; change its permissions or name another";

        string[][] lines = [["init", hidden], ["quickstart", "--out", hidden], .. TinyRecipes.Verbs.Select(verb => (string[])[verb, _tiny.RecipeOf(verb), "--out", hidden])];
        foreach (var line in lines)
        {
            var (code, result, log) = program.AsNobody(_tiny.Folder, line);

            Assert.True((code, result) == (2, "") && log.EndsWith($"{hidden} has 1 problem\n  {Why}\n"), $"{line[0]}, exit code {code}: {log}");
        }

        Directory.CreateDirectory(_tiny.At("open"));
        SmallDisk.Outcome("chmod", "a+rwx", _tiny.At("open"));
        var data = program.AsNobody(_tiny.Folder, "pretrain", _tiny.RecipeOf("pretrain"), "--out", _tiny.At("open/run"), "--corpus", $"[{{path: {hidden}}}]");
        var words = program.AsNobody(_tiny.Folder, "evaluate", _tiny.RecipeOf("evaluate"), "--out", _tiny.At("open/run"));
        Assert.True(data.ExitCode == 2 && data.Log.Contains($"{hidden}  {Why}"), data.Log);
        Assert.True(words.ExitCode == 2 && words.Log.Contains($"{_tiny.At("words.tsv")} {Why}"), words.Log);
    }

    [Theory]
    [InlineData("ppo", "--ppo.microBatch 100000000 --ppo.samplesPerPrompt 100000000 --ppo.klController fixed", "lower ppo.microBatch (now 100000000)")]
    [InlineData("pretrain", "--model.context 4000000", "lower pretrain.microBatch (now 4)")]
    public async Task What_cannot_fit_into_memory_is_refused(string verb, string flags, string fix)
    {
        var printed = await _tiny.Run(verb, flags.Split(' '));

        AssertRefused(printed, fix);
        Assert.Matches(@"  memory  needs about \S+ [TP]iB of memory, expected at most the .+ available; lower ", printed.Log);
    }

    [Fact]
    public async Task A_model_of_weights_that_are_not_numbers_cannot_be_evaluated()
    {
        var weights = Path.Combine(_tiny.At("model"), "model.safetensors");
        var bytes = File.ReadAllBytes(weights);
        for (var at = 8 + (int)BitConverter.ToInt64(bytes); at + 4 <= bytes.Length; at += 4)
            BitConverter.TryWriteBytes(bytes.AsSpan(at), float.NaN);
        File.WriteAllBytes(weights, bytes);

        var printed = await _tiny.Run("evaluate");

        Assert.True((printed.ExitCode, printed.Result) == (1, ""), $"exit code {printed.ExitCode}: {printed.Log}");
        Assert.Contains($"{_tiny.At("model")} cannot be sampled from: the logits of request ", printed.Log);
        Assert.DoesNotContain("Exception", printed.Log);
        Assert.False(File.Exists(_tiny.At("run/report.json")));
    }

    /// <summary>A rate so high that the weights are lost with one update: their squares are no numbers any more, or the next step's loss is none.</summary>
    [Theory]
    [InlineData("pretrain", "1e+30")]
    [InlineData("pretrain", "1000000000000000")]
    [InlineData("sft", "1e+30")]
    [InlineData("sft", "1000000000000000")]
    [InlineData("reward", "1e+30")]
    [InlineData("reward", "1000000000000000")]
    [InlineData("ppo", "1e+30")]
    [InlineData("ppo", "1000000000000000")]
    public async Task A_loss_that_is_no_number_names_the_step_and_keeps_the_last_good_checkpoint(string verb, string rate)
    {
        string[] line = ["--run.checkpointEvery", "1", .. verb switch
        {
            "reward" => Array.Empty<string>(), // counts epochs
            "ppo" => ["--ppo.steps", "8", "--ppo.epochs", "1", "--ppo.minibatches", "1"],
            _ => [$"--{verb}.steps", "8"],
        }];
        var straight = await _tiny.Run(verb, [.. line, "--run.keepLast", "100"]);
        Assert.True(straight.ExitCode == 0, straight.Log);
        var run = _tiny.At("run");
        foreach (var late in Checkpoints.Of(run).Where(checkpoint => checkpoint.Step > 3))
            Directory.Delete(late.Folder, recursive: true);
        Assert.Equal(3, Checkpoints.Latest(run)?.Step);
        File.Delete(Path.Combine(run, "result.json"));
        Directory.Delete(Path.Combine(run, "model"), recursive: true);
        var recipe = File.ReadAllText(Run.RecipePath(run));
        var wild = Regex.Replace(recipe, $@"(?m)(?<=^{verb}:(\n  .*)*\n  learningRate: ).*", rate);
        Assert.NotEqual(recipe, wild);
        File.WriteAllText(Run.RecipePath(run), wild); // as if the run had begun so
        string[] resumed = [.. line, "--resume", "--run.keepLast", "1"];

        var printed = await _tiny.Run(verb, [.. resumed, $"--{verb}.learningRate", rate]);

        Assert.True((printed.ExitCode, printed.Result) == (1, ""), $"exit code {printed.ExitCode}: {printed.Log}");
        Assert.Matches(@"(?i)step \d+.*expected (a )?(finite )?numbers?.*; ", printed.Log);
        Assert.False(File.Exists(Path.Combine(run, "result.json")));

        // what was kept is good: at the old rate it goes on to the same end
        File.WriteAllText(Run.RecipePath(run), recipe);
        var again = await _tiny.Run(verb, resumed);
        Assert.True(again.ExitCode == 0, again.Log);
        Assert.Equal(straight.Result, again.Result);
        Assert.Single(Checkpoints.Of(run));
    }
}
