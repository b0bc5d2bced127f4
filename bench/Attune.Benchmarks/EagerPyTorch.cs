using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Attune.Benchmarks;

/// <summary>The yardstick process, kept alive so that both sides can take turns in one run.</summary>
internal sealed class EagerPyTorch : IDisposable
{
    private readonly Process _process;

    private EagerPyTorch(Process process, string version) => (_process, Version) = (process, version);

    /// <summary>PyTorch's version.</summary>
    public string Version { get; }

    /// <summary>Starts it, or says why there is none.</summary>
    public static EagerPyTorch? Start(string script, int threads, out string problem)
    {
        problem = "";
        foreach (var python in new[] { "python3", "/usr/bin/python3" })
        {
            var start = new ProcessStartInfo(python, [script, threads.ToString(CultureInfo.InvariantCulture)])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            start.Environment["OMP_NUM_THREADS"] = threads.ToString(CultureInfo.InvariantCulture);
            start.Environment["OPENBLAS_NUM_THREADS"] = threads.ToString(CultureInfo.InvariantCulture);
            try
            {
                var process = Process.Start(start)!;
                if (process.StandardOutput.ReadLine() is { } line)
                    return new(process, JsonDocument.Parse(line).RootElement.GetProperty("torch").GetString()!);
                problem = process.StandardError.ReadToEnd().Trim().Split('\n')[^1];
            }
            catch (System.ComponentModel.Win32Exception e)
            {
                problem = e.Message;
            }
        }

        return null;
    }

    /// <summary>Seconds of each of some training steps.</summary>
    public double[] Train(int steps) => Ask($"train {steps}");

    /// <summary>Seconds of one addition of 4×4 tensors, the mean of many.</summary>
    public double Add(int count) => Ask($"add {count}")[0];

    public void Dispose()
    {
        _process.StandardInput.WriteLine("quit");
        _process.StandardInput.Close();
        _process.WaitForExit(5000);
        _process.Dispose();
    }

    private double[] Ask(string request)
    {
        _process.StandardInput.WriteLine(request);
        _process.StandardInput.Flush();
        var line = _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"the yardstick died: {_process.StandardError.ReadToEnd()}");
        return [.. JsonDocument.Parse(line).RootElement.GetProperty("seconds").EnumerateArray().Select(e => e.GetDouble())];
    }
}
