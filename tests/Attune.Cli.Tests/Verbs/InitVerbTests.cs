using System.Text.Json;
using Attune.Cli.Tests.Launcher;
using Attune.Models;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Cli.Tests.Verbs;

public sealed class InitVerbTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("attune-init-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private string At(string name) => Path.Combine(_root, name);

    /// <summary>A small model that knows the words of the quick start's demonstrations.</summary>
    private string TinyBase()
    {
        var texts = File.ReadLines(Path.Combine(Sandbox.FindCheckout(AppContext.BaseDirectory), "data", "quickstart", "demonstrations.jsonl")).Take(100);
        var tokenizer = BpeTrainer.Train(texts, new() { VocabularySize = 600 });
        var shape = new ModelShape { Layers = 2, Width = 32, Heads = 2, Context = 256 };
        using var model = CausalLm.Create(shape.ToConfig(tokenizer.VocabularySize, tokenizer.EndId, tokenizer.PaddingId, DType.Float32), new Seed(1), Compute.Cpu);
        new TextModel(model, tokenizer).Save(At("base"));
        return At("base");
    }

    [Fact]
    public async Task The_commands_of_a_new_project_run_in_their_order()
    {
        var made = await Printed.By("init", At("project"), "--base", TinyBase());
        Assert.Equal((0, ""), (made.ExitCode, made.Log));
        var commands = ReadmeCommands.Of(await File.ReadAllTextAsync(Path.Combine(At("project"), "README.md")));
        Assert.Equal(7, commands.Count);

        var program = At("attune");
        await File.WriteAllTextAsync(program, $"#!/bin/sh\nOMP_WAIT_POLICY=passive exec dotnet '{Path.Combine(AppContext.BaseDirectory, "Attune.Cli.dll")}' \"$@\"\n");
        File.SetUnixFileMode(program, (UnixFileMode)0b111_101_101);
        var (code, result, log) = SmallDisk.Outcome("sh", "-exc", $"PATH='{_root}':$PATH\ncd '{At("project")}'\n{string.Join('\n', commands)}");

        Assert.True(code == 0, $"exit code {code}\n{result}\n{log}");
        Assert.True(File.Exists(Path.Combine(At("project"), "runs", "evaluation", "report.html")));
        foreach (var recipe in Directory.GetFiles(Path.Combine(At("project"), "recipes"))) // now that what they start from is there
        {
            var (doctor, _, problems) = SmallDisk.Outcome("sh", "-c", $"PATH='{_root}':$PATH\ncd '{At("project")}' && attune doctor '{recipe}'");
            Assert.True(doctor == 0, $"{recipe}: {problems}");
        }
    }

    [Fact]
    public async Task What_was_written_is_listed_for_programs()
    {
        var printed = await Printed.By("init", At("project"), "--base", TinyBase(), "--json");

        var files = JsonDocument.Parse(printed.Result).RootElement.GetProperty("files").EnumerateArray().Select(file => file.GetString()).ToArray();
        Assert.Contains("recipes/sft.yaml", files);
        Assert.All(files, file => Assert.True(File.Exists(Path.Combine(At("project"), file!))));
    }

    [Fact]
    public async Task A_folder_that_is_not_empty_is_refused()
    {
        var printed = await Printed.By("init", _root, "--base", TinyBase());

        Assert.Equal(new Printed(2, "", $"{_root} has 1 problem\n  is not empty, expected a folder that is not there, or empty; choose another, or remove what is in it\n"), printed);
    }
}
