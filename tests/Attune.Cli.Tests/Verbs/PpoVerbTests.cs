using System.Text.Json;
using Attune.Models;
using Attune.Runs;
using Attune.Torch;
using Attune.Updates;

namespace Attune.Cli.Tests.Verbs;

public sealed class PpoVerbTests : IDisposable
{
    private readonly TinyTraining _tiny = new();
    private readonly string _recipe;

    public PpoVerbTests()
    {
        var prompts = _tiny.Write("prompts.txt", string.Join('\n', Enumerable.Range(0, 40).Select(i => $"the cat {i} sat")));
        _recipe = _tiny.Write("ppo.yaml", $$"""
            compute: {threads: 1}
            from: {{_tiny.At("model")}}
            rewards:
              - {name: again, function: repetition, ngram: 1, weight: -1}
              - {function: length-target, length: 6, weight: 0.1}
            prompts:
              data: [{path: {{prompts}}}]
              maximumTokens: 12
            heldOut:
              rewards: [{function: repetition, ngram: 2}]
              prompts: 2
              every: 5
            ppo: {steps: 40, promptsPerStep: 4, maximumLength: 6, epochs: 2, minibatches: 2, learningRate: 1e-2, klController: adaptive, klTarget: 1, klHorizon: 50}
            samples: {every: 3, count: 1}
            run: {checkpointEvery: 3}
            """);
    }

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public async Task Killed_at_some_step_and_resumed_ends_as_if_nothing_had_happened()
    {
        string[] Line(string folder, params string[] more) => ["ppo", _recipe, "--out", _tiny.At(folder), .. more];
        var straight = await ProgramProcess.Run(Line("straight"));
        Assert.Equal((0, ""), (straight.ExitCode, straight.ExitCode == 0 ? "" : straight.Log));

        foreach (var step in new[] { 7, 20 }) // killed, resumed, killed again
        {
            using var program = ProgramProcess.Start(Line("killed", step == 7 ? [] : ["--resume"]));
            await program.Reach(step, _tiny.At("killed"));
            program.Kill();
            Assert.False(File.Exists(Path.Combine(_tiny.At("killed"), "result.json")), "it ended before it could be killed: give it more steps");
        }

        var resumed = await ProgramProcess.Run(Line("killed", "--resume"));

        Assert.Equal(0, resumed.ExitCode);
        Assert.Equal(straight.Result, resumed.Result);
        Assert.Equal(_tiny.Left("straight"), _tiny.Left("killed"));
        Assert.Equal(File.ReadAllText(_tiny.At("straight/samples.jsonl")), File.ReadAllText(_tiny.At("killed/samples.jsonl")));
    }

    [Fact]
    public async Task Interrupted_it_saves_and_names_the_command_that_goes_on()
    {
        string[] line = ["ppo", _recipe, "--out", _tiny.At("run"), "--ppo.steps", "5000", "--run.checkpointEvery", "0"];
        using var program = ProgramProcess.Start(line);
        await program.Reach(3, _tiny.At("run"));
        program.Interrupt();
        var printed = await program.End();

        Assert.Equal((130, ""), (printed.ExitCode, printed.Result));
        Assert.EndsWith($"Stopped. Continue with: attune {string.Join(' ', line)} --resume\n", printed.Log);
        Assert.Equal(Checkpoints.Latest(_tiny.At("run"))!.Step, MetricsLog.Read(Run.MetricsPath(_tiny.At("run"))).Count);
    }

    [Fact]
    public async Task Results_are_a_table_or_one_document()
    {
        string[] line = ["ppo", _recipe, "--out", _tiny.At("run"), "--ppo.steps", "2"];
        var table = await Printed.By(line);
        var json = await Printed.By([.. line, "--json", "--force"]);

        Assert.True(table.ExitCode == 0, table.Log);
        Assert.Matches(@"distance from the reference, nats an answer +-?\d", table.Result);
        Assert.Contains("heldout/gap", table.Result);
        Assert.Matches(@"ppo  2/2 steps .* score -?\d\.\d{3}  kl -?\d\.\d\d  length \d\.\d\n", table.Log);
        using var document = JsonDocument.Parse(json.Result);
        Assert.Equal(8, document.RootElement.GetProperty("answers").GetInt32());
    }

    [Fact]
    public async Task Problems_exit_with_2_and_leave_nothing()
    {
        var printed = await Printed.By("ppo", _recipe, "--out", _tiny.At("run"), "--from", _tiny.At("gone"), "--ppo.clipRange", "0.1", "--critic", "x");
        var keys = await Printed.By("ppo", _recipe, "--out", _tiny.At("run"), "--ppo.klCoeficient", "0.1");

        Assert.Equal((2, 2), (printed.ExitCode, keys.ExitCode));
        Assert.Contains("critic  is set, expected nothing, as ppo.valueStart is zero", printed.Log);
        Assert.Contains("did you mean ppo.klCoefficient?", keys.Log);
        Assert.False(Directory.Exists(_tiny.At("run")));
    }

    [Fact]
    public async Task A_loss_that_is_no_number_exits_with_1_names_the_step_and_keeps_the_last_checkpoint()
    {
        var printed = await Printed.By("ppo", _recipe, "--out", _tiny.At("run"), "--run.checkpointEvery", "1", "--ppo.learningRate", "1e6", "--ppo.warmUpSteps", "160"); // so that it takes some steps

        Assert.Equal(1, printed.ExitCode);
        Assert.Matches(@"step ([2-9]|\d\d+): .*finite", printed.Log);
        Assert.False(File.Exists(_tiny.At("run/result.json")));
        var saved = Assert.IsType<Checkpoint>(Checkpoints.Latest(_tiny.At("run")));
        using var scope = TensorScope.Begin();
        using var policy = TextModel.Load(PpoTraining.PolicyAt(saved.Folder), Compute.Cpu);
        Assert.All(policy.Model.Parameters, parameter => Assert.All(parameter.Value.ToDoubles(), weight => Assert.True(double.IsFinite(weight))));
    }
}
