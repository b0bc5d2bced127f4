using Attune.Torch;

namespace Attune.Runs;

/// <summary>Element types that models compute in.</summary>
public enum Precision
{
    /// <summary>Single precision.</summary>
    Float32,

    /// <summary>Half the memory with float32's range, where the device is fast at it.</summary>
    [RecipeName("bfloat16")]
    BFloat16,

    /// <summary>Double precision, to check numbers.</summary>
    Float64,
}

/// <summary>Where and how to compute: the <c>compute</c> section of a recipe.</summary>
public sealed record ComputeSettings : IChecked
{
    /// <summary><c>cpu</c>, <c>cuda</c> or <c>cuda:1</c>.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Element type of weights and activations.</summary>
    [RecipeName("dtype")]
    public Precision Precision { get; init; } = Precision.Float32;

    /// <summary>Threads of one operator; 0 for one a core. Sums are cut along threads, so another number moves results by rounding.</summary>
    public int Threads { get; init; }

    /// <summary>Sets the threads of the calling thread's operators, and gives device and dtype.</summary>
    /// <param name="title">What the settings belong to, for the message.</param>
    /// <param name="deviceKey">How the person who set the device calls it.</param>
    /// <exception cref="InputException">This machine has no such device.</exception>
    public Compute Open(string title = "The recipe", string deviceKey = "compute.device")
    {
        var device = Torch.Device.Parse(Device);
        if (device.Kind == DeviceKind.Cuda && device.Index >= TorchRuntime.CudaDevices)
        {
            throw new InputException(title, [Problem.Of(deviceKey, $"is {Device}",
                $"a device of this machine, whose libtorch {TorchRuntime.Version} sees {TorchRuntime.CudaDevices} CUDA devices",
                "set cpu, or install a libtorch with CUDA and name it in ATTUNE_LIBTORCH")]);
        }
        TorchRuntime.Threads = Threads > 0 ? Threads : Environment.ProcessorCount;
        return new(device, DType);
    }

    /// <summary>The memory that computing there may take; says where that is not known.</summary>
    /// <param name="progress">Takes the note.</param>
    public MemoryBudget Memory(IProgressSink progress) => MemoryBudget.For(Torch.Device.Parse(Device), progress);

    /// <summary>Element type of weights and activations, as the engine names it.</summary>
    internal DType DType => Precision switch { Precision.BFloat16 => DType.BFloat16, Precision.Float64 => DType.Float64, _ => DType.Float32 };

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (!IsDevice())
            yield return new("device", $"is {Device}, expected cpu, cuda or cuda:N; cpu is usual");
        if (Threads is < 0 or > 1024)
            yield return new("threads", $"is {Threads}, expected 0 to 1024; 0 takes one a core");
    }

    private bool IsDevice()
    {
        try
        {
            _ = Torch.Device.Parse(Device);
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
    }
}
