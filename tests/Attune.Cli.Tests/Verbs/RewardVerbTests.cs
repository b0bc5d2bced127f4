using System.Text.Json;
using Attune.Models;
using Attune.Runs;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Cli.Tests.Verbs;

public sealed class RewardVerbTests : IDisposable
{
    private static readonly string[] Words = ["red", "blue", "old", "new", "big", "warm", "slow", "calm"];

    private readonly string _root = Directory.CreateTempSubdirectory("attune-reward-").FullName;

    public RewardVerbTests()
    {
        var tokenizer = BpeTrainer.Train([.. Enumerable.Range(0, 50).Select(k => Answer(k, isGood: true) + Answer(k, isGood: false))], new() { VocabularySize = 320 });
        var config = new TransformerConfig
        {
            VocabularySize = tokenizer.VocabularySize,
            Width = 32,
            Layers = 1,
            Heads = 4,
            KeyValueHeads = 4,
            HeadWidth = 8,
            InnerWidth = 64,
            MaximumPositions = 64,
        };
        using var model = CausalLm.Create(config, new Seed(1), Compute.Cpu);
        model.Save(In("policy"), new() { AddFiles = tokenizer.Save });
        var lines = Enumerable.Range(0, 400).Select(k => JsonSerializer.Serialize(new { prompt = $"Tell me about {k}:", chosen = Answer(k, isGood: true), rejected = Answer(k, isGood: false) }));
        File.WriteAllLines(In("pairs.jsonl"), lines);
        File.WriteAllText(In("recipe.yaml"), $$"""
            from: {{In("policy")}}
            preferences:
              - path: {{In("pairs.jsonl")}}
            reward: {batchSize: 8, learningRate: 0.003}
            normalise: {samples: 16, newTokens: 6}
            compute: {threads: 1}
            run: {checkpointEvery: 1}
            """);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task A_finished_run_prints_its_table_or_one_document()
    {
        var printed = await Printed.By("reward", In("recipe.yaml"), "--out", In("run"));
        var again = await Printed.By("reward", In("recipe.yaml"), "--out", In("run"), "--resume", "--json");

        Assert.True(printed.ExitCode == 0, printed.Log);
        foreach (var part in new[] { "Pairs ordered as people did", "reward model", "null: longer", "null: bag of words", "model − bag of words", "not recorded", "Calibration: error 0.", "reward = " })
            Assert.Contains(part, printed.Result);
        Assert.Equal(0, again.ExitCode);
        using var json = JsonDocument.Parse(again.Result);
        Assert.InRange(json.RootElement.GetProperty("accuracy").GetProperty("share").GetDouble(), 0.9, 1);
        Assert.Contains("is finished; nothing is left to train", again.Log);
        Assert.True(File.Exists(In("run/model/model.safetensors")));
    }

    [Fact]
    public async Task A_process_killed_at_any_step_and_resumed_ends_with_the_same_model()
    {
        File.WriteAllText(In("long.yaml"), File.ReadAllText(In("recipe.yaml")).Replace("batchSize: 8", "batchSize: 8, epochs: 4"));
        var straight = await ProgramProcess.Run("reward", In("long.yaml"), "--out", In("straight"));
        using (var program = ProgramProcess.Start("reward", In("long.yaml"), "--out", In("killed")))
        {
            await program.Until(() => Checkpoints.Latest(In("killed")) is { Step: >= 5 }, "step 5");
            program.Kill();
        }

        Assert.False(Directory.Exists(In("killed/model")), "it ended before it could be killed: give it more steps");
        var resumed = await ProgramProcess.Run("reward", In("long.yaml"), "--out", In("killed"), "--resume");

        Assert.Equal((0, 0), (straight.ExitCode, resumed.ExitCode));
        foreach (var file in new[] { "model/model.safetensors", "metrics.jsonl", "evaluation.jsonl", "result.json" })
            Assert.Equal(File.ReadAllBytes(In($"straight/{file}")), File.ReadAllBytes(In($"killed/{file}")));
    }

    [Fact]
    public async Task Ctrl_C_saves_and_says_how_to_go_on()
    {
        using var program = ProgramProcess.Start("reward", In("recipe.yaml"), "--out", In("stopped"), "--run.checkpointEvery", "0");
        await program.Reach(1, In("stopped"));
        program.Interrupt();
        var printed = await program.End();

        Assert.Equal(130, printed.ExitCode);
        Assert.EndsWith($"Stopped. Continue with: attune reward {In("recipe.yaml")} --out {In("stopped")} --run.checkpointEvery 0 --resume\n", printed.Log);
        Assert.Equal(MetricsLog.Read(In("stopped/metrics.jsonl")).Count, Checkpoints.Latest(In("stopped"))!.Step);
    }

    [Fact]
    public async Task Bad_lines_and_keys_exit_with_2_and_leave_nothing()
    {
        File.AppendAllText(In("pairs.jsonl"), "{\"prompt\": \"a\", \"chosen\": 5, \"rejected\": \"b\"}\n{\"prompt\"\n");
        var lines = await Printed.By("reward", In("recipe.yaml"), "--out", In("run"));
        var keys = await Printed.By("reward", In("recipe.yaml"), "--out", In("run"), "--reward.learningrate", "0.1", "--data.longest", "1");

        Assert.Equal(2, lines.ExitCode);
        Assert.Matches(@"^The input has 2 problems\n  .*pairs\.jsonl line 401, byte \d+  has ""chosen"" that is a number, expected a string; .*\n  .*pairs\.jsonl line 402, byte \d+  is not valid JSON", lines.Log);
        Assert.Equal(2, keys.ExitCode);
        Assert.Contains("reward.learningrate", keys.Log);
        Assert.Contains("did you mean reward.learningRate?", keys.Log);
        Assert.Contains("data.longest", keys.Log);
        Assert.Equal(["", ""], new[] { lines.Result, keys.Result });
        Assert.False(Directory.Exists(In("run")));
    }

    [Fact]
    public async Task A_loss_that_is_no_number_exits_with_1_and_names_the_step()
    {
        var printed = await Printed.By("reward", In("recipe.yaml"), "--out", In("run"), "--reward.learningRate", "1e15");

        Assert.Equal(1, printed.ExitCode);
        Assert.Matches(@"Reward training stopped at step \d+ of \d+: the loss is", printed.Log);
        Assert.NotNull(Checkpoints.Latest(In("run")));
        Assert.False(File.Exists(In("run/result.json")));
    }

    private static string Answer(int k, bool isGood) => $" {Words[k % 8]} {Words[k / 8 % 8]} {(isGood ? "cat dog" : "dog cat")}";

    private string In(string name) => Path.Combine(_root, name);
}
