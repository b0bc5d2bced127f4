using System.Reflection;
using Xunit.Sdk;

namespace Attune.Torch.Testing;

/// <summary>Fails a test after which more tensors of its thread are open than before it.</summary>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Class)]
public sealed class NoTensorLeaksAttribute : BeforeAfterTestAttribute
{
    private int _before;

    /// <summary>Those that the collector closed count too: whether it came by is chance.</summary>
    private static int Open => TorchRuntime.LiveTensors + TorchRuntime.LeakedTensors;

    public override void Before(MethodInfo methodUnderTest) => _before = Open;

    public override void After(MethodInfo methodUnderTest)
    {
        var left = Open - _before;
        if (left != 0)
            throw new XunitException($"{methodUnderTest.Name} left {left} tensors open.");
    }
}
