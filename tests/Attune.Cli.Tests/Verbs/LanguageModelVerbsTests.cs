using System.Text.Json;
using Attune.Runs;

namespace Attune.Cli.Tests.Verbs;

public sealed class LanguageModelVerbsTests : IDisposable
{
    private readonly TinyTraining _tiny = new();

    public void Dispose() => _tiny.Dispose();

    private string RecipeOf(string verb) => verb == "pretrain" ? _tiny.Pretrain : _tiny.Sft;

    [Theory]
    [InlineData("pretrain")]
    [InlineData("sft")]
    public async Task Killed_at_some_step_and_resumed_ends_as_if_nothing_had_happened(string verb)
    {
        string[] Line(string folder, params string[] more) => [verb, RecipeOf(verb), "--out", _tiny.At(folder), .. more];
        var straight = await ProgramProcess.Run(Line("straight"));
        Assert.Equal((0, ""), (straight.ExitCode, straight.ExitCode == 0 ? "" : straight.Log));

        foreach (var step in new[] { 20, 60 }) // killed, resumed, killed again
        {
            using var program = ProgramProcess.Start(Line("killed", step == 20 ? [] : ["--resume"]));
            await program.Reach(step, _tiny.At("killed"));
            program.Kill();
            Assert.False(File.Exists(Path.Combine(_tiny.At("killed"), "result.json")), "it ended before it could be killed: give it more steps");
        }
        var resumed = await ProgramProcess.Run(Line("killed", "--resume"));

        Assert.Equal(0, resumed.ExitCode);
        Assert.Equal(straight.Result, resumed.Result);
        Assert.Equal(_tiny.Left("straight"), _tiny.Left("killed"));
    }

    [Fact]
    public async Task Interrupted_it_saves_and_names_the_command_that_goes_on()
    {
        string[] line = ["sft", _tiny.Sft, "--out", _tiny.At("run"), "--sft.steps", "2000"];
        using var program = ProgramProcess.Start([.. line, "--force"]);
        await program.Reach(10, _tiny.At("run"));
        program.Interrupt();
        var printed = await program.End();

        Assert.Equal((130, ""), (printed.ExitCode, printed.Result));
        Assert.EndsWith($"Stopped. Continue with: attune {string.Join(' ', line)} --resume\n", printed.Log);
        var saved = Checkpoints.Latest(_tiny.At("run"))!;
        Assert.Equal(saved.Step, MetricsLog.Read(Run.MetricsPath(_tiny.At("run"))).Count); // the step it was in is done and saved
    }

    [Theory]
    [InlineData("pretrain")]
    [InlineData("sft")]
    public async Task Results_are_a_table_or_one_document(string verb)
    {
        string[] line = [verb, RecipeOf(verb), "--out", _tiny.At("run"), $"--{verb}.steps", "3"];
        var table = await Printed.By(line);
        var json = await Printed.By([.. line, "--json", "--force"]);

        Assert.Contains("  training loss, last batch, nats a token   ", table.Result);
        Assert.EndsWith($"The model is in {_tiny.At("run")}/model.\n", table.Log);
        Assert.Equal((0, 0), (table.ExitCode, json.ExitCode));
        Assert.Equal(3, JsonDocument.Parse(json.Result).RootElement.GetProperty("steps").GetInt32());
        Assert.Single(json.Result.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task A_malformed_line_is_named_and_leaves_no_folder()
    {
        var rows = File.ReadAllLines(_tiny.Demonstrations);
        rows[6] = """{"prompt": "where", "response": 7}""";
        var offset = rows.Take(6).Sum(row => row.Length + 1);
        File.WriteAllLines(_tiny.Demonstrations, rows);

        var printed = await Printed.By("sft", _tiny.Sft, "--out", _tiny.At("run"));

        Assert.Equal(new Printed(2, "", $"The input has 1 problem\n  {_tiny.Demonstrations} line 7, byte {offset}  has \"response\" that is a number, " +
            "expected a string; correct it, or name another field in the recipe: fields.response\n"), printed);
        Assert.False(Directory.Exists(_tiny.At("run")));
    }

    [Fact]
    public async Task Bad_input_with_force_leaves_the_run_that_was_there()
    {
        string[] line = ["sft", _tiny.Sft, "--out", _tiny.At("run"), "--sft.steps", "3"];
        await Printed.By(line);
        var before = _tiny.Left("run");
        File.AppendAllText(_tiny.Demonstrations, "\nnonsense");

        var printed = await Printed.By([.. line, "--force"]);

        Assert.Equal(2, printed.ExitCode);
        Assert.Equal(before, _tiny.Left("run"));
        Assert.Single(Checkpoints.Of(_tiny.At("run")));
    }

    [Fact]
    public async Task A_loss_that_is_no_number_exits_with_1_names_the_step_and_keeps_the_last_checkpoint()
    {
        var printed = await Printed.By("sft", _tiny.Sft, "--out", _tiny.At("run"), "--sft.learningRate", "1e15", "--sft.warmUpSteps", "0", "--run.checkpointEvery", "1");

        Assert.Equal((1, ""), (printed.ExitCode, printed.Result));
        Assert.Matches(@"\nstep \d+: the loss is \S+ and the gradient's length \S+, expected finite numbers; begin anew with a lower learning rate than 1E\+15", "\n" + printed.Log);
        Assert.NotNull(Checkpoints.Latest(_tiny.At("run")));
        Assert.False(Directory.Exists(Path.Combine(_tiny.At("run"), "model")));
    }

    [Fact]
    public async Task A_model_that_cannot_fit_is_refused_before_anything_is_written()
    {
        var printed = await Printed.By("pretrain", _tiny.Pretrain, "--out", _tiny.At("run"), "--model.layers", "200", "--model.width", "32768", "--model.heads", "64");

        Assert.Equal(2, printed.ExitCode);
        Assert.Matches(@"^The input has 1 problem\n  memory  needs about \S+ TiB of memory, expected at most the .+ available; lower pretrain.microBatch \(now 4\) or take a smaller model\n$", printed.Log);
        Assert.False(Directory.Exists(_tiny.At("run")));
    }

    [Fact]
    public async Task A_finished_run_that_is_resumed_prints_its_result_again()
    {
        string[] line = ["pretrain", _tiny.Pretrain, "--out", _tiny.At("run"), "--pretrain.steps", "2"];
        var first = await Printed.By(line);

        var again = await Printed.By([.. line, "--resume"]);

        Assert.Equal((0, first.Result), (again.ExitCode, again.Result));
        Assert.Contains("is finished; nothing is left to do", again.Log);
    }

    [Fact]
    public async Task Without_out_it_is_said_what_to_add()
    {
        var printed = await Printed.By("sft", _tiny.Sft);

        Assert.Equal(new Printed(2, "", "attune sft has 1 problem\n  has no --out, expected a folder for the run; add --out DIR, for instance --out runs/sft\n"), printed);
    }
}
